//! Links that break.

use std::io::ErrorKind;
use std::time::Duration;

use hindsight_testkit::{Fault, FaultProxy, TestDatabase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that sends back what it gets, and a link to it.
async fn echo() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    FaultProxy::tcp(address).await.unwrap()
}

/// What comes back of a text, until the connection ends or all of it is there.
async fn say(stream: &mut TcpStream, text: &str) -> Result<String, ErrorKind> {
    stream.write_all(text.as_bytes()).await.map_err(|error| error.kind())?;
    let mut back = vec![0; text.len()];
    let mut count = 0;
    while count < back.len() {
        match stream.read(&mut back[count..]).await.map_err(|error| error.kind())? {
            0 => break,
            more => count += more,
        }
    }
    Ok(String::from_utf8_lossy(&back[..count]).into_owned())
}

#[tokio::test]
async fn a_whole_link_and_a_slow_one_carry_everything() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let long = "hello ".repeat(20_000);
    assert_eq!(say(&mut stream, &long).await.unwrap(), long);
    proxy.set(Fault::Delay(Duration::from_millis(1))).await;
    assert_eq!(say(&mut stream, "slow").await.unwrap(), "slow");
    assert_eq!(proxy.opened(), 1);
}

#[tokio::test]
async fn a_cut_comes_after_so_many_bytes_and_holds_until_the_link_is_healed() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Fault::Cut { after: 13 }).await;
    // Ten there, three back.
    assert_eq!(say(&mut stream, "0123456789").await.unwrap(), "012");
    let mut other = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut other, "more").await.unwrap_or_default(), "");
    proxy.heal().await;
    let mut healed = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut healed, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut stream, "first").await.unwrap(), "first");
    proxy.set(Fault::Reset { after: 0 }).await;
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refusing_link_ends_what_is_open_and_comes_back_on_the_same_port() {
    let proxy = echo().await;
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut open, "open").await.unwrap(), "open");
    proxy.set(Fault::Refuse).await;
    let error = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(open.read(&mut [0; 8]).await.unwrap_or_default(), 0);
    proxy.heal().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(say(&mut stream, "back").await.unwrap(), "back");
}

#[tokio::test]
async fn what_a_stalled_link_holds_goes_on_when_it_is_healed() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Fault::Stall { after: 2 }).await;
    let said = tokio::spawn(async move { say(&mut stream, "patience").await });
    proxy.wait_until_held().await;
    assert!(!said.is_finished());
    proxy.heal().await;
    assert_eq!(said.await.unwrap().unwrap(), "patience");
}

#[tokio::test]
async fn a_database_is_reached_over_a_link() {
    let database = TestDatabase::create_empty().await;
    let (proxy, url) = database.behind_proxy().await;
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.unwrap();
    assert_eq!((one, proxy.opened()), (1, 1));
    proxy.set(Fault::Reset { after: 0 }).await;
    assert!(sqlx::query("SELECT 1").execute(&pool).await.is_err());
    proxy.heal().await;
    sqlx::query("SELECT 1").execute(&pool).await.unwrap();
}
