# IdentityService: who asks, sessions, tokens, keys, users. What is asked on behalf of a user names the session. A reply
# that has a refusal has nothing else. Times are [ms] since 1970, 0: none.
@0x91d93080f9b439fc;

struct IdentityRefusal @0xbceaaf308142c8ea {
  # Why something was not done.
  code @0 :UInt16;  # of GatewayFault or SecurityFault
  message @1 :Text;
  retryAfterMs @2 :Int64;  # [ms]
}

struct PrincipalRecord @0xe27655daa05f1119 {
  # Who asks.
  tenant @0 :UInt32;
  subject @1 :Text;  # id of the user, or of the key that proved it
  name @2 :Text;
  method @3 :Text;  # api_key, session, jwt
  credentialId @4 :Text;
  roles @5 :List(Text);
  scopes @6 :List(Text);
  accounts @7 :Text;  # numbers, a space between them; empty: all
  sessionId @8 :Text;
  expiresMs @9 :Int64;  # [ms]
  userId @10 :Text;  # who is bound by what that user may; empty: nobody here
  asOf @11 :UInt64;  # the last change of identity.changes that is looked at
}

struct SignedRequest @0x9dfb369bab13dfae {
  # What was signed of a request, and the signature.
  keyId @0 :Text;
  timestamp @1 :Data;  # as it was sent: digits, [ms] since 1970
  nonce @2 :Data;
  method @3 :Text;
  target @4 :Data;  # path and query, as they came
  bodySha256 @5 :Data;  # 32 bytes
  signature @6 :Data;
}

struct AuthenticateRequest @0x8ff9bb510944fe0c {
  # Asks whose a request is: by its signature, whose nonce counts this once, or by a token.
  signed @0 :SignedRequest;
  token @1 :Text;  # of a session, or a JWT
  address @2 :Text;
}

struct AuthenticateReply @0xe301bbfca0c5154e {
  # Whose it is.
  refusal @0 :IdentityRefusal;
  principal @1 :PrincipalRecord;
  serverTimeMs @2 :Int64;  # [ms]
}

struct StandingRequest @0x847a8387cdde8d51 {
  # Asks which of these keys and sessions count no more; that a session is asked for keeps it from idling.
  credentials @0 :List(Text);  # ids
}

struct StandingReply @0xefced11d2bd8a1e6 {
  # Those that count no more.
  ended @0 :List(Text);
  changes @1 :UInt64;  # the last one of identity.changes, whether it is published yet or not
}

struct SessionRecord @0xb7c1dce27f7695f5 {
  # A session, without its token.
  sessionId @0 :Text;
  createdMs @1 :Int64;  # [ms]
  usedMs @2 :Int64;  # [ms]
  expiresMs @3 :Int64;  # at the latest
  address @4 :Text;
  client @5 :Text;
}

struct UserRecord @0xba124c647e02ff05 {
  # A user, without the password.
  userId @0 :Text;
  name @1 :Text;
  tenant @2 :UInt32;
  roles @3 :List(Text);
  accounts @4 :Text;  # as of PrincipalRecord
  createdMs @5 :Int64;  # [ms]
  disabled @6 :Bool;
  scopes @7 :List(Text);  # of a session
}

struct OpenSessionRequest @0xdcbd0ba3a1a6bcde {
  # Signs a user in; demo: the one that the settings name, without a password.
  userName @0 :Text;
  password @1 :Text;
  address @2 :Text;
  client @3 :Text;  # what it calls itself
  demo @4 :Bool;
}

struct SessionReply @0xe6080f174c96d8e2 {
  # A session and its user; the token where it was just opened.
  refusal @0 :IdentityRefusal;
  session @1 :SessionRecord;
  user @2 :UserRecord;
  token @3 :Text;
}

struct OfSession @0xc2f2dc05873f9bd0 {
  # Asks for what belongs to a session: itself, its user, those beside it, their keys.
  sessionId @0 :Text;
}

struct SessionsReply @0xb120a366f0bbe9cf {
  # All live sessions of a user, the newest first.
  refusal @0 :IdentityRefusal;
  sessions @1 :List(SessionRecord);
}

struct EndSessionRequest @0xce4cda11b43c589b {
  # Ends a session of the same user.
  sessionId @0 :Text;
  ended @1 :Text;  # the session that ends
}

struct IdentityDone @0xf8b7d0ac84773ce0 {
  # It is done, or why it is not.
  refusal @0 :IdentityRefusal;
}

struct ChangePasswordRequest @0xc8668d77e827062c {
  # Gives the user of a session another password, and ends all of the user's sessions.
  sessionId @0 :Text;
  old @1 :Text;
  new @2 :Text;
  address @3 :Text;
}

struct TokenReply @0xa330fcf1562ae4b8 {
  # A JWT of a session.
  refusal @0 :IdentityRefusal;
  token @1 :Text;
  expiresMs @2 :Int64;  # [ms]
}

struct SigningKeysRequest @0xe36bf9b3ddcb369d {
  # Asks for the keys that sign JWTs.
}

struct SigningKeysReply @0xc1acc9906424550a {
  # Their public halves, a JSON Web Key Set (RFC 7517).
  jwks @0 :Text;  # JSON
}

struct ApiKeyRecord @0xf065a1c284cc4549 {
  # A key of a user, without its secret.
  keyId @0 :Text;
  name @1 :Text;
  algorithm @2 :Text;
  scopes @3 :List(Text);
  accounts @4 :Text;  # as of PrincipalRecord
  addresses @5 :List(Text);
  createdMs @6 :Int64;  # [ms]
  expiresMs @7 :Int64;  # [ms]
  usedMs @8 :Int64;  # [ms]
  replacedBy @9 :Text;
  status @10 :Text;
}

struct ApiKeysReply @0x9ad9b9a25e78454d {
  # The keys of a user, the newest first.
  refusal @0 :IdentityRefusal;
  keys @1 :List(ApiKeyRecord);
}

struct CreateApiKeyRequest @0xf6a730b7b12e9eed {
  # Makes a key for the user of a session, which may no more than the user.
  sessionId @0 :Text;
  name @1 :Text;
  scopes @2 :List(Text);
  accounts @3 :Text;  # as of PrincipalRecord
  addresses @4 :List(Text);
  expiresMs @5 :Int64;  # [ms]
  algorithm @6 :Text;
  publicKey @7 :Text;
}

struct RotateApiKeyRequest @0x993565976fbaf662 {
  # Makes a key in the place of one; both count until the old one is revoked.
  sessionId @0 :Text;
  keyId @1 :Text;
  publicKey @2 :Text;
}

struct RevokeApiKeyRequest @0xc5c2c2af3977a654 {
  # Has a key count no more.
  sessionId @0 :Text;
  keyId @1 :Text;
  reason @2 :Text;
}

struct ApiKeyReply @0x8df08078a22ea180 {
  # A key, with its secret where it was just made here.
  refusal @0 :IdentityRefusal;
  key @1 :ApiKeyRecord;
  secret @2 :Text;
}

struct ListUsersRequest @0x952c466e473a1797 {
  # Asks for a page of the users of the session's tenant.
  sessionId @0 :Text;
  after @1 :Text;  # the last name of the page before
  limit @2 :UInt32;  # at most; 0: as many as the server gives
}

struct ListUsersReply @0xf3194a3b381e53e7 {
  # A page of users, by name.
  refusal @0 :IdentityRefusal;
  users @1 :List(UserRecord);
  more @2 :Bool;
}

struct CreateUserRequest @0xdafa3a387f006745 {
  # Makes a user of the session's tenant.
  sessionId @0 :Text;
  userName @1 :Text;
  password @2 :Text;
  roles @3 :List(Text);
  accounts @4 :Text;  # as of PrincipalRecord
}

struct UserReply @0xc498b6e73648245e {
  # A user.
  refusal @0 :IdentityRefusal;
  user @1 :UserRecord;
}
