//! Stands between the application and a server that it needs, and cuts them off from one another.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
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

/// An address that leads to the server (`host:port`), whose responses are held back while the switch says so: what a
/// server looks like that was stopped, or lies behind a network that swallows everything.
pub async fn freezable(server: String) -> (SocketAddr, watch::Sender<bool>) {
    let (is_frozen, watched) = watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (mut frozen, server) = (watched.clone(), server.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let (mut questions, mut to_client) = client.split();
                let (mut responses, mut to_server) = server.split();
                let back = async {
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(length @ 1..) = responses.read(&mut bytes).await {
                        let _ = frozen.wait_for(|frozen| !frozen).await;
                        if to_client.write_all(&bytes[..length]).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! {
                    _ = copy(&mut questions, &mut to_server) => {}
                    () = back => {}
                }
            });
        }
    });
    (address, is_frozen)
}
