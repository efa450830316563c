//! A stand-in for S3 with versions: in this process, and open to look into.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// The buckets, which end with the value.
pub struct Buckets {
    url: String,
    held: Arc<Mutex<Held>>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Held {
    /// Objects of the uploads bucket by key and version.
    uploads: BTreeMap<(String, String), Vec<u8>>,
    /// Every call: its method, a space, and its target with the query.
    calls: Vec<String>,
}

impl Buckets {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, mut stopped) = oneshot::channel::<()>();
        let held = Arc::<Mutex<Held>>::default();
        let theirs = held.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    Ok((stream, _)) = listener.accept() => { tokio::spawn(serve(stream, theirs.clone())); }
                }
            }
        });
        Self { url, held, _stop: stop }
    }

    /// What a client of them is built from.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        config::aws::connect("eu-west-1".into(), credentials, Some(self.url.clone()))
    }

    pub fn put(&self, key: &str, version: &str, bytes: Vec<u8>) {
        self.held().uploads.insert((key.into(), version.into()), bytes);
    }

    /// The versions that there are of a key of the uploads bucket.
    pub fn versions(&self, key: &str) -> Vec<String> {
        let held = self.held();
        held.uploads.keys().filter(|(of, _)| of == key).map(|(_, version)| version.clone()).collect()
    }

    /// The targets that were called with that method in that bucket.
    pub fn calls(&self, method: &str, bucket: &str) -> Vec<String> {
        let start = format!("{method} /{bucket}/");
        self.held().calls.iter().filter(|call| call.starts_with(&start)).cloned().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, held: Arc<Mutex<Held>>) {
    let Some((method, target)) = read(&mut stream).await else { return };
    let (status, body) = held.lock().unwrap().answer(&method, &target);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &body].concat()).await.ok();
}

/// The method and the target; the body is read and dropped.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut words = head.split_whitespace();
    let line = (words.next()?.to_owned(), words.next()?.to_owned());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(line)
}

impl Held {
    fn answer(&mut self, method: &str, target: &str) -> (u16, Vec<u8>) {
        self.calls.push(format!("{method} {target}"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId=")).unwrap_or_default();
        match (method, path.strip_prefix("/uploads/")) {
            ("GET", Some(key)) => match self.uploads.get(&(key.to_owned(), version.to_owned())) {
                Some(bytes) => (200, bytes.clone()),
                None => (404, b"<Error><Code>NoSuchVersion</Code></Error>".to_vec()),
            },
            ("DELETE", Some(key)) => {
                self.uploads.remove(&(key.to_owned(), version.to_owned()));
                (204, Vec::new())
            }
            ("PUT" | "DELETE", None) => (200, Vec::new()),
            _ => (405, Vec::new()),
        }
    }
}
