//! One HTTP/1.1 request and its response.

use std::io::{Error, ErrorKind, Read, Write};

/// Sends a request, and returns the response's head in lower case and its body.
pub(crate) fn exchange(
    stream: &mut (impl Read + Write + ?Sized),
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(String, Vec<u8>), Error> {
    stream.write_all(request)?;
    stream.flush()?;
    buffer.clear();
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => fill(stream, buffer)?,
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or_default();
    while buffer.len() < end + length {
        fill(stream, buffer)?;
    }
    Ok((head, buffer[end..end + length].to_vec()))
}

fn fill(stream: &mut (impl Read + ?Sized), buffer: &mut Vec<u8>) -> Result<(), Error> {
    let mut part = [0; 16384];
    match stream.read(&mut part)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        length => {
            buffer.extend_from_slice(&part[..length]);
            Ok(())
        }
    }
}
