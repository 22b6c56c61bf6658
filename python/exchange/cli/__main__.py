"""`python -m exchange.cli`."""

from exchange.cli import main

raise SystemExit(main())
