"""A one-page PDF with rows of text, written by hand (ISO 32000-1): enough for an invoice, and no library."""

_PAGE = (595, 842)  # A4 in points
_LEFT, _RIGHT, _TOP, _ROW = 56, 420, 780, 20
_MOST_ROWS, _MOST_CHARACTERS = 34, 64


def _escaped(text: str) -> bytes:
    shortened = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
    encoded = shortened.encode("cp1252", errors="replace")
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def document(rows: list[tuple[str, str]]) -> bytes:
    """A PDF file; each row is a label and a value, the first row a heading."""
    content = bytearray(b"BT\n")
    for index, (label, value) in enumerate(rows[:_MOST_ROWS]):
        size, y = (16 if index == 0 else 11), _TOP - _ROW * (index + (index > 0))
        for x, text in ((_LEFT, label), (_RIGHT, value)):
            if text:
                content += b"/F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj\n" % (size, x, y, _escaped(text))
    content += b"ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>" % _PAGE,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    output, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(output))
        output += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(output)
    output += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        output += b"%010d 00000 n \n" % offset
    output += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(output)
