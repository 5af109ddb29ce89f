//! Stands between the application and a server that it needs, and cuts them off from one another.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// An address that leads to the server (`host:port`) while the switch says so.
pub async fn cuttable(server: String) -> (SocketAddr, watch::Sender<bool>) {
    let (is_open, watched) = watch::channel(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (mut open, server) = (watched.clone(), server.clone());
            tokio::spawn(async move {
                if *open.borrow() {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = open.wait_for(|open| !open) => {}
                    }
                }
            });
        }
    });
    (address, is_open)
}
