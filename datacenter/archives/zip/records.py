"""The fixed parts of zip's records, to read one at a time (struct) or thousands at once (numpy).

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

import struct

import numpy as np

U16 = 0xFFFF
U32 = 0xFFFFFFFF

LOCAL_SIGNATURE = 0x04034B50
CENTRAL_SIGNATURE = 0x02014B50
END_SIGNATURE = 0x06054B50
ZIP64_END_SIGNATURE = 0x06064B50
ZIP64_LOCATOR_SIGNATURE = 0x07064B50
DESCRIPTOR_SIGNATURE = 0x08074B50

ZIP64_EXTRA = 0x0001
UNICODE_PATH_EXTRA = 0x7075

FLAG_ENCRYPTED = 1 << 0
FLAG_DESCRIPTOR = 1 << 3
FLAG_PATCH = 1 << 5
FLAG_STRONG_ENCRYPTION = 1 << 6
FLAG_UTF8 = 1 << 11
FLAG_MASKED_HEADERS = 1 << 13
FLAGS_OF_ENCRYPTION = FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADERS

STORED = 0
DEFLATED = 8

LOCAL = np.dtype(
    [
        ("signature", "<u4"),
        ("version", "<u2"),
        ("flags", "<u2"),
        ("method", "<u2"),
        ("time", "<u2"),
        ("date", "<u2"),
        ("crc32", "<u4"),
        ("compressed_size", "<u4"),
        ("size", "<u4"),
        ("name_bytes", "<u2"),
        ("extra_bytes", "<u2"),
    ]
)
CENTRAL = np.dtype(
    [
        ("signature", "<u4"),
        ("made_by", "<u2"),
        ("version", "<u2"),
        ("flags", "<u2"),
        ("method", "<u2"),
        ("time", "<u2"),
        ("date", "<u2"),
        ("crc32", "<u4"),
        ("compressed_size", "<u4"),
        ("size", "<u4"),
        ("name_bytes", "<u2"),
        ("extra_bytes", "<u2"),
        ("comment_bytes", "<u2"),
        ("disk", "<u2"),
        ("internal", "<u2"),
        ("external", "<u4"),
        ("offset", "<u4"),
    ]
)
LOCAL_BYTES = LOCAL.itemsize
CENTRAL_BYTES = CENTRAL.itemsize
assert (LOCAL_BYTES, CENTRAL_BYTES) == (30, 46)

LOCAL_STRUCT = struct.Struct("<IHHHHHIIIHH")
# signature, disk, directory disk, entries here, entries, directory size, directory offset, comment bytes
END = struct.Struct("<IHHHHIIH")
# signature, disk of the record, offset of the record, disks
ZIP64_LOCATOR = struct.Struct("<IIQI")
# signature, bytes that follow, made by, version, disk, directory disk, entries here, entries, directory size and offset
ZIP64_END = struct.Struct("<IQHHIIQQQQ")
