//! The sockets of a listener that have not become a WebSocket yet. Their number is bounded; where it is reached, the
//! one that has been silent for longest makes room. A client that means it sends its request at once, so those who
//! only hold sockets open keep nobody else out.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// All of them, in the order of their arrival.
#[derive(Debug)]
pub struct Waiting {
    most: usize,
    sockets: Mutex<Sockets>,
}

#[derive(Debug, Default)]
struct Sockets {
    next: u64,
    by_age: BTreeMap<u64, Arc<Socket>>,
}

#[derive(Debug, Default)]
struct Socket {
    /// Requests that are being answered.
    asked: AtomicUsize,
    leave: CancellationToken,
}

/// How a socket was let in.
#[derive(Debug)]
pub enum Entry {
    /// There was room.
    Free(Place),
    /// The oldest that was silent was told to leave.
    Instead(Place),
    /// All are being answered right now: there is no room.
    Full,
}

/// A socket's place; given up when it is dropped.
#[derive(Debug)]
pub struct Place {
    id: u64,
    socket: Arc<Socket>,
    waiting: Arc<Waiting>,
}

/// A request that is being answered; over when it is dropped.
#[derive(Debug)]
pub struct Asked(Arc<Socket>);

impl Waiting {
    /// Room for so many.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            sockets: Mutex::default(),
        })
    }

    /// Lets a socket in.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Entry {
        let mut sockets = self.sockets.lock();
        let mut instead = false;
        if sockets.by_age.len() >= self.most {
            let silent = |socket: &Socket| socket.asked.load(Ordering::Relaxed) == 0;
            let Some(oldest) = sockets.by_age.iter().find(|(_, s)| silent(s)) else {
                return Entry::Full;
            };
            let oldest = *oldest.0;
            if let Some(socket) = sockets.by_age.remove(&oldest) {
                socket.leave.cancel();
            }
            instead = true;
        }
        let id = sockets.next;
        sockets.next += 1;
        let socket = Arc::new(Socket::default());
        sockets.by_age.insert(id, socket.clone());
        let place = Place {
            id,
            socket,
            waiting: self.clone(),
        };
        match instead {
            true => Entry::Instead(place),
            false => Entry::Free(place),
        }
    }
}

impl Place {
    /// Ends when the socket must make room.
    pub async fn leave(&self) {
        self.socket.leave.cancelled().await;
    }

    /// What makes notes of requests.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests(self.socket.clone())
    }
}

/// Notes of a socket's requests.
#[derive(Debug, Clone)]
pub struct Requests(Arc<Socket>);

impl Requests {
    /// One is being answered.
    #[must_use]
    pub fn begin(&self) -> Asked {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        Asked(self.0.clone())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.sockets.lock().by_age.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(waiting: &Arc<Waiting>) -> Place {
        match waiting.enter() {
            Entry::Free(place) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_oldest_silent_socket_makes_room() {
        let waiting = Waiting::new(2);
        let busy = free(&waiting);
        let silent = free(&waiting);
        let request = busy.requests().begin();
        let Entry::Instead(third) = waiting.enter() else {
            panic!("the silent one was in the way")
        };
        assert!(silent.socket.leave.is_cancelled());
        assert!(!busy.socket.leave.is_cancelled());
        drop(silent);
        let second = third.requests().begin();
        assert!(matches!(waiting.enter(), Entry::Full));
        drop(request);
        assert!(matches!(waiting.enter(), Entry::Instead(_)));
        drop((busy, third, second));
        drop(free(&waiting));
        assert!(waiting.sockets.lock().by_age.is_empty());
    }
}
