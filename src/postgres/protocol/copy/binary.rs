//! PostgreSQL's binary format of COPY: a signature, then each row as the number of its values and the values as they
//! are in a row of SELECT, then the number -1.

use bytes::{BufMut, BytesMut};

/// The signature of eleven bytes, by which readers detect damage in transfer, then no flags and no header extension.
const SIGNATURE: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;

/// Writes the signature, which is sent with the first row.
pub fn start(out: &mut BytesMut) {
    out.put_slice(SIGNATURE);
}

/// A row of `count` values.
pub fn row(row: &[u8], count: i16, out: &mut BytesMut) {
    out.reserve(2 + row.len());
    out.put_i16(count);
    out.put_slice(row);
}

/// Writes the mark after the last row.
pub fn end(out: &mut BytesMut) {
    out.put_i16(END);
}
