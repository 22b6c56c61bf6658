"""`docs/messages.md`: every struct, field, unit and enum, made from the schemas and their comments."""

from collections.abc import Iterator, Mapping

from exchange.domain.contracts import SERVICES
from exchange.schema.description import Comment, EnumDescription, FileDescription, StructDescription

_TOP = """\
# Messages

Made by `python -m exchange.schema.generate`; a test keeps it current.
The schemas lie in `python/exchange/schema/v1`;
`python/exchange/schema/lock.json` has what may never change in them.
Types are those of Cap'n Proto; *at* is the byte of a struct's data, or the number of a pointer (p).
Zero is "nothing was said" everywhere, and every default is zero.
A struct without pointers is, byte for byte, a record of the core.
"""


def messages_page(files: tuple[FileDescription, ...], comments: Mapping[str, Mapping[str, Comment]]) -> str:
    """The page.

    Args:
        files: The schemas.
        comments: By path of the file, as `description.comments` gives them.
    """
    lines = [*_services(), *(line for file in files for line in _file(file, comments[file.path]))]
    return _TOP + "".join(line + "\n" for line in lines)


def _services() -> Iterator[str]:
    yield ""
    yield "## Services"
    yield ""
    yield "A call names `service.method` ([RPC](rpc.md)); *twice* says whether it may be tried again."
    yield ""
    yield "| service | method | streams | request | reply | twice |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for service in SERVICES:
        for method in service.methods:
            streams = method.streaming.name.lower() if method.streaming else ""
            twice = "yes" if method.idempotent else "no"
            request, reply = method.request.__name__, method.reply.__name__
            yield f"| {service.name} | {method.name} | {streams} | {request} | {reply} | {twice} |"


def _file(file: FileDescription, comments: Mapping[str, Comment]) -> Iterator[str]:
    yield ""
    yield f"## {file.domain}"
    if text := comments[""].text:
        yield ""
        yield _escaped(text)
    for struct in file.structs:
        yield from _struct(struct, comments)
    for enum in file.enums:
        yield from _enum(enum, comments)


def _struct(struct: StructDescription, comments: Mapping[str, Comment]) -> Iterator[str]:
    size = f"{struct.words * 8} bytes" + f", {struct.pointers} pointers" * bool(struct.pointers)
    yield ""
    yield f"### {struct.name}"
    yield ""
    yield f"{size}. {_escaped(comments[struct.name].text)}".rstrip()
    yield ""
    yield "| field | ordinal | type | at | unit | meaning |"
    yield "| --- | ---: | --- | ---: | --- | --- |"
    for field in struct.fields:
        comment = comments.get(f"{struct.name}.{field.name}", Comment("", ""))
        at = f"p{field.offset}" if field.is_pointer else _place(field.offset, field.bits)
        kind = field.type.removeprefix("enum ").removeprefix("struct ")
        member = f"union: {field.member}. " if field.member is not None else ""
        meaning = _escaped(member + comment.text).strip()
        yield f"| {field.name} | {field.ordinal} | {kind} | {at} | {_escaped(comment.unit)} | {meaning} |"


def _enum(enum: EnumDescription, comments: Mapping[str, Comment]) -> Iterator[str]:
    yield ""
    yield f"### {enum.name} (enum)"
    if text := comments[enum.name].text:
        yield ""
        yield _escaped(text)
    yield ""
    yield "| number | member | meaning |"
    yield "| ---: | --- | --- |"
    for number, member in enumerate(enum.members):
        meaning = _escaped(comments[f"{enum.name}.{member}"].text)
        yield f"| {number} | {member} | {meaning} |"


def _place(offset: int, bits: int) -> str:
    if not bits:
        return ""
    return f"{offset // 8}" + f".{offset % 8}" * bool(bits % 8)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
