"""From the bytes of a file to a `Source`: UTF-8, with or without a byte order mark, LF or CRLF.

Whatever the bytes are, the result is a source, with a diagnostic where they are not UTF-8.
"""

import codecs
from typing import IO

from hierdsl.diagnostics import Annotation, Diagnostic
from hierdsl.source import Source, Span

MAX_BYTES = 64 * 2**20

_MARKS = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"), (b"\0\0\xfe\xff", "UTF-32"))


def read_bytes(stream: IO[bytes]) -> bytes:
    """The content of a file, and no more than tells that it is too large: a device may never end."""
    return stream.read(MAX_BYTES + 1)


def decode(data: bytes, name: str) -> tuple[Source, list[Diagnostic]]:
    """A source of the decoded text; on error of its readable beginning, with one diagnostic."""
    if len(data) > MAX_BYTES:
        source = Source(name, "")
        message = f"the file has more than {MAX_BYTES:,} bytes ({MAX_BYTES // 2**20} MiB)"
        mend = "use a .hier file here, and write long lists of ids as ranges"
        return source, [Diagnostic("H901", message, Annotation(source, Span(0, 0)), help=mend)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
        before = "" if guess else data[: error.start].decode("utf-8-sig", errors="replace")
        before = _unix(before)
        # The rest of the line is shown too, its undecodable bytes as U+FFFD.
        rest = b"" if guess else data[error.start :].split(b"\n", 1)[0]
        source = Source(name, before + rest.decode("utf-8", errors="replace").rstrip("\r"))
        what = f"the file is {guess}" if guess else f"byte 0x{data[error.start]:02x} is not UTF-8"
        return source, [
            Diagnostic(
                "H101",
                f"{what}; a .hier file is UTF-8 text",
                Annotation(source, Span(len(before), min(len(before) + 1, len(source.text)))),
                help="save the file as UTF-8 in your editor",
            )
        ]
    return Source(name, _unix(text)), []


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")
