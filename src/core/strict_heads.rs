//! Refuses request heads that two servers in a row could understand differently and that hyper lets
//! pass: lines that end with a bare line feed, a second `Content-Length`, or one beside
//! `Transfer-Encoding`, which may say `chunked` once and nothing else. What follows our answer 101 is no request and
//! passes as it is; that a request asks for one changes nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::server::Shared;

/// What is handed on instead of the rest of a refused head: no parser takes it, hyper answers 400 and
/// closes the connection.
const POISON: &[u8] = b"\0\r\n\r\n";
/// What is kept of a line: enough for the names and numbers that matter.
const KEPT: usize = 64;
/// In bytes: an answer of up to this much is written in one piece.
const SMALL: usize = 1024;

/// A connection of which only strict heads are read.
pub(super) struct StrictHeads<S> {
    stream: S,
    scan: Scan,
    /// What is left to hand on of [`POISON`], once a head was refused.
    refused: Option<&'static [u8]>,
    shared: Arc<Shared>,
}

impl<S> StrictHeads<S> {
    pub(super) fn new(stream: S, shared: Arc<Shared>) -> Self {
        Self { stream, scan: Scan::default(), refused: None, shared }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictHeads<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.refused.is_none() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            if this.shared.is_upgraded.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            let Some(at) = this.scan.refuses(&buf.filled()[before..]) else { return Poll::Ready(Ok(())) };
            buf.set_filled(before + at);
            this.refused = Some(if this.scan.is_in_a_head() { POISON } else { b"" });
        }
        if let Some(poison) = &mut this.refused {
            // Between chunks the poison could pass for an extension, and its end for that of the body.
            if poison.is_empty() && buf.filled().len() == before {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let (now, later) = poison.split_at(poison.len().min(buf.remaining()));
            buf.put_slice(now);
            *poison = later;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictHeads<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Copies head and body of a small answer together, which is cheaper than to hand on a list of two. hyper can do so
    /// itself (`writev(false)`), but does it for large answers as well, and keeps the room that they took.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().map(|slice| slice.len()).sum::<usize>() > SMALL {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        let (mut piece, mut end) = ([0; SMALL], 0);
        for slice in slices {
            piece[end..end + slice.len()].copy_from_slice(slice);
            end += slice.len();
        }
        Pin::new(&mut self.stream).poll_write(cx, &piece[..end])
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in the stream of requests the next byte stands.
#[derive(Default)]
enum Place {
    /// Before a request's first line.
    #[default]
    Start,
    Head,
    /// In a body, with so many bytes to come.
    Body(u64),
    ChunkSize,
    /// In a chunk and the line end behind it, with so many bytes to come.
    Chunk(u64),
    Trailers,
}

/// Follows the requests of a connection from head to head.
#[derive(Default)]
struct Scan {
    place: Place,
    /// The beginning of the line.
    line: Vec<u8>,
    /// The last byte of the line before its line feed.
    last: u8,
    length: Option<u64>,
    chunked: bool,
}

impl Scan {
    /// The first of these bytes that must not be handed on.
    fn refuses(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if let Place::Body(left) | Place::Chunk(left) = &mut self.place {
                let passed = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= passed as u64;
                at += passed;
                if *left == 0 {
                    self.place = if matches!(self.place, Place::Body(_)) { Place::Start } else { Place::ChunkSize };
                }
                continue;
            }
            let end = memchr::memchr(b'\n', rest);
            let part = &rest[..end.unwrap_or(rest.len())];
            let last = part.last().copied().unwrap_or(self.last);
            let accepts = if self.line.is_empty() && end.is_some() {
                // Nearly every line: judged where it is.
                self.accepts(&part[..part.len().min(KEPT)], last)
            } else {
                let room = KEPT.saturating_sub(self.line.len()).min(part.len());
                self.line.extend_from_slice(&part[..room]);
                self.last = last;
                end?;
                let line = std::mem::take(&mut self.line);
                self.accepts(&line, last)
            };
            at += end? + 1;
            if !accepts {
                return Some(at - 1);
            }
            self.last = 0;
        }
        None
    }

    /// Takes a line: its beginning, and its last byte before the line feed.
    fn accepts(&mut self, line: &[u8], last: u8) -> bool {
        let is_empty = line == b"\r";
        match self.place {
            _ if last != b'\r' => return false,
            Place::Start if !is_empty => {
                (self.length, self.chunked) = (None, false);
                self.place = Place::Head;
            }
            Place::Head if is_empty => {
                self.place = match self.length {
                    _ if self.chunked => Place::ChunkSize,
                    None | Some(0) => Place::Start,
                    Some(length) => Place::Body(length),
                };
            }
            Place::Head => return self.accepts_header(line),
            Place::ChunkSize => {
                let digits = line.split(|byte| matches!(byte, b';' | b'\r' | b' ' | b'\t')).next().unwrap_or_default();
                // A size that was cut off is none: hyper would read on.
                let size = std::str::from_utf8(digits).ok().filter(|digits| digits.len() < KEPT);
                self.place = match size.and_then(|size| u64::from_str_radix(size, 16).ok()) {
                    Some(0) => Place::Trailers,
                    Some(size) => Place::Chunk(size.saturating_add(2)),
                    None => return false,
                };
            }
            Place::Trailers if is_empty => self.place = Place::Start,
            _ => {}
        }
        true
    }

    fn is_in_a_head(&self) -> bool {
        matches!(self.place, Place::Start | Place::Head)
    }

    fn accepts_header(&mut self, line: &[u8]) -> bool {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if name.eq_ignore_ascii_case(b"content-length") {
            // A number that was cut off is none.
            let value = std::str::from_utf8(value).ok().filter(|_| line.len() < KEPT);
            let value = value.and_then(|value| value.trim().parse().ok());
            let is_first = self.length.is_none() && !self.chunked;
            self.length = value;
            return is_first && value.is_some();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = self.length.is_none() && !self.chunked;
            self.chunked = true;
            // What was cut off could be anything.
            return is_first && line.len() < KEPT && value.trim_ascii().eq_ignore_ascii_case(b"chunked");
        }
        true
    }
}
