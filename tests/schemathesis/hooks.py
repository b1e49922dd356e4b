"""How a workbook travels: the description knows it as bytes only."""

import schemathesis

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@schemathesis.serializer(XLSX)
def workbook(_context, value):
    """Bytes, however wrong."""
    if isinstance(value, list) and all(isinstance(byte, int) for byte in value):
        return bytes(byte % 256 for byte in value)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
