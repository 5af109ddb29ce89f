//! Gives memory that was freed back to the system.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::sleep;

/// How often.
const PAUSE: Duration = Duration::from_secs(5);
/// In bytes: what the allocator keeps no store of.
const LARGE: usize = 1 << 20;

/// Never ends. The allocator gives back what has been free for a second when the next large piece is freed, and a
/// process that rests frees none: without this it would keep what its start took, or the last hundred logins. The piece
/// that is made here is never written to, and so takes no memory.
pub async fn give_back() {
    loop {
        sleep(PAUSE).await;
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
    }
}
