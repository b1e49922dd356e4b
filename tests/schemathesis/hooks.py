"""How a workbook and a piece of a file travel: the descriptions know them as bytes only."""

import schemathesis

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PIECE = "application/partial-upload"


@schemathesis.serializer(XLSX, PIECE)
def plain_bytes(_context, value):
    """Bytes, however wrong."""
    if isinstance(value, list) and all(isinstance(byte, int) for byte in value):
        return bytes(byte % 256 for byte in value)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
