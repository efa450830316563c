//! Somebody who answers as Stripe does, in this process, and remembers what was asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use reqwest::Url;
use stripe::{Patience, Stripe};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub const KEY: &str = "sk_test_4eC39HqLyjWDarjtT1zdp7dc";

/// What is answered to one request.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// A status and a body.
    Body(u16, &'static str),
    /// The connection ends before anything was said.
    Gone,
    /// Nothing, ever.
    Silence,
}

/// A body out of tests/shapes.
#[macro_export]
macro_rules! shape {
    ($name:literal) => {
        include_str!(concat!("../shapes/", $name, ".json"))
    };
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// E.g. `POST /v1/refunds amount=1000 payment_intent=pi_1`: method, path, query or form.
    pub line: String,
    /// By their names in small letters.
    pub headers: HashMap<String, String>,
}

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// One that gives these answers in this order, each on a connection of its own.
    pub async fn answering(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, log) = (answers.to_vec(), asked.clone());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            for answer in answers {
                // Whoever gives up before asking gets no answer, and uses none up.
                let (mut stream, request) = loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    if let Some(request) = read(&mut stream).await {
                        break (stream, request);
                    }
                };
                log.lock().unwrap().push(request);
                match answer {
                    Answer::Body(status, body) => write(&mut stream, status, body).await,
                    Answer::Gone => {}
                    Answer::Silence => silent.push(stream),
                }
            }
            // Whoever comes now waits until the test has ended.
            std::future::pending::<()>().await;
        });
        Self { url, asked }
    }

    pub fn client(&self) -> Stripe {
        Stripe::new(&self.url, KEY.into())
    }

    pub fn impatient_client(&self) -> Stripe {
        self.client_with_patience(200)
    }

    /// One that waits for so many milliseconds.
    pub fn client_with_patience(&self, milliseconds: u64) -> Stripe {
        let moment = std::time::Duration::from_millis(milliseconds);
        self.client().with_patience(Patience { connect: moment, whole: moment })
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only request there was.
    pub fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }
}

/// None if the connection ends before anything was asked.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            assert!(bytes.is_empty(), "the head was cut short");
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().rsplit_once(' ').unwrap().0.split_once(' ').unwrap();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the body was cut short");
    }
    let mut url = Url::parse("http://stripe.test").unwrap().join(target).unwrap();
    if method == "POST" {
        url.set_query(Some(std::str::from_utf8(&bytes[end..]).unwrap()));
    }
    let pairs: Vec<String> = url.query_pairs().map(|(name, value)| format!(" {name}={value}")).collect();
    Some(Asked { line: format!("{method} {}{}", url.path(), pairs.concat()), headers })
}

async fn write(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} -\r\nrequest-id: req_1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    // Whoever has given up does not read it.
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(body.as_bytes()).await.ok();
}
