//! Lies below the messages: ends, silence, frames that are none.

use super::wait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sandbox::Confined;
use std::fs::File;
use std::io::Write as _;

/// Between two bytes of one that is slow, a fraction of what counts as silence.
const SLOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The exit code of a lie that ends the process; `None` for content that is no lie of this kind.
#[expect(clippy::unwrap_used, reason = "a worker that cannot even lie fails the test by its end")]
pub fn end(lie: &str, job: u32, confined: &mut Confined, raw: &mut File) -> Option<u8> {
    let longest = wire::MAX_FRAME_BYTES as u32;
    let frame = |version: u8, kind: u8, job: u32, length: u32, payload: &[u8]| {
        [&[version, kind][..], &job.to_le_bytes(), &length.to_le_bytes(), payload].concat()
    };
    let told = match lie {
        "exit 0" => return Some(0),
        "exit 7" => return Some(7),
        "exit 255" => return Some(255),
        "abort" => std::process::abort(),
        "panic" => std::panic::resume_unwind(Box::new(())),
        // A forbidden system call; it kills every role but the office one, whose suite asks and gets an error.
        "socket" => return Some(if std::net::UdpSocket::bind("127.0.0.1:0").is_err() { 9 } else { 10 }),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "fill memory" => {
            let mut held = Vec::new();
            loop {
                held.push(std::hint::black_box(vec![1u8; 1 << 20]));
            }
        }
        "silence" => Vec::new(),
        "one byte at a time" => {
            // A frame of bytes that takes hours; the supervisor ends it, or the pipe breaks.
            let mut told = frame(wire::VERSION, 2, job, longest, &[]).into_iter().chain(std::iter::repeat(b'x'));
            while told.next().is_some_and(|byte| raw.write_all(&[byte]).is_ok()) {
                let _ = poll(&mut [PollFd::new(confined.job(), PollFlags::IN)], Some(&SLOW));
            }
            return Some(0);
        }
        "version" => frame(wire::VERSION + 1, 1, job, 1, &[0]),
        "kind" => frame(wire::VERSION, 7, job, 0, &[]),
        "length" => frame(wire::VERSION, 2, job, u32::MAX, &[]),
        "one byte too long" => frame(wire::VERSION, 2, job, longest + 1, &[]),
        "no bytes" => frame(wire::VERSION, 2, job, 0, &[]),
        "garbage" => frame(wire::VERSION, 1, job, 20, &[0xFF; 20]),
        // `Done`, and a byte behind it.
        "trailing" => frame(wire::VERSION, 1, job, 2, &[0, 0]),
        // `Done` of another job.
        "job before" => frame(wire::VERSION, 1, job.wrapping_sub(1), 1, &[0]),
        "job after" => frame(wire::VERSION, 1, job + 1, 1, &[0]),
        "half a frame" => frame(wire::VERSION, 1, job, 20, &[1]),
        _ => return None,
    };
    raw.write_all(&told).unwrap();
    if lie != "half a frame" {
        wait(confined);
    }
    Some(0)
}
