"""What a JSON pointer (RFC 6901) finds in a document."""

import re
from collections.abc import Mapping
from typing import Any

_INDEX = re.compile(r"0|[1-9]\d*")


def pointed(document: Any, pointer: str) -> Any:
    """What `pointer` points at in `document`, or None where there is nothing; an empty pointer is the document."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")  # in this order: ~01 is ~1, and no slash
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and _INDEX.fullmatch(key) and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document
