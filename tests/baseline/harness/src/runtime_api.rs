//! The Lambda Runtime API, for one process after the other: it hands out one event so many times
//! and notes when each was handed out and answered.

use std::{
    fmt::Write,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::http::{self, Request, Response};

/// What an answer must look like, for the measured work to have been the work that was meant.
pub type Expectation = fn(&Value) -> bool;

/// How long one event may take, in what the function is told and in how long is waited for it.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The server.
pub struct RuntimeApi {
    pub address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    session: Mutex<Session>,
    changed: Condvar,
}

#[derive(Default)]
struct Session {
    number: usize,
    event: Arc<[u8]>,
    expected: Option<Expectation>,
    wanted: usize,
    handed_out: Vec<Instant>,
    answered: Vec<Instant>,
    /// It asks for more than it gets. Only then can it be ended: a question that is still on its way
    /// would be taken for one of the next process.
    idle: bool,
    failure: Option<String>,
}

impl Session {
    fn is_over(&self) -> bool {
        self.failure.is_some() || self.idle && self.answered.len() >= self.wanted
    }
}

impl RuntimeApi {
    /// Starts it.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let server = shared.clone();
        let address = http::serve(move |request| server.answer(request))?.to_string();
        Ok(Self { address, shared })
    }

    /// Prepares for a process that is to answer `event` so many times.
    pub fn begin(&self, event: &str, wanted: usize, expected: Expectation) {
        let mut session = self.shared.lock();
        *session = Session {
            number: session.number + 1,
            event: event.as_bytes().into(),
            expected: Some(expected),
            wanted,
            // Room for all, so that nothing is copied between two time stamps.
            handed_out: Vec::with_capacity(wanted),
            answered: Vec::with_capacity(wanted),
            idle: false,
            failure: None,
        };
        drop(session);
        // The process before may still wait for its next event.
        self.shared.changed.notify_all();
    }

    /// Waits until every event is answered; `alive` is asked now and then whether that can still be.
    pub fn finish(&self, mut alive: impl FnMut() -> bool) -> Result<Vec<(Instant, Instant)>, String> {
        let mut session = self.shared.lock();
        let (mut done, mut progress) = (0, Instant::now());
        while !session.is_over() {
            let pause = Duration::from_millis(200);
            let waited = self.shared.changed.wait_timeout(session, pause);
            session = waited.unwrap_or_else(PoisonError::into_inner).0;
            if session.answered.len() > done {
                (done, progress) = (session.answered.len(), Instant::now());
            }
            if !session.is_over() && !alive() {
                return Err("it has ended by itself".into());
            }
            if progress.elapsed() > TIME_LIMIT {
                return Err("it does not answer".into());
            }
        }
        match session.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(session.handed_out.iter().copied().zip(session.answered.iter().copied()).collect()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Response {
        let arrived = Instant::now();
        match request.path.rsplit('/').next() {
            Some("next") => self.next(),
            Some("response") => {
                let mut session = self.lock();
                session.answered.push(arrived);
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                if session.expected.is_some_and(|expected| !expected(&body)) {
                    session.failure =
                        Some(format!("its answer is not as expected: {}", start_of(&request.body)));
                }
                accepted()
            }
            _ => {
                let mut session = self.lock();
                session.failure = Some(format!("it has failed: {}", start_of(&request.body)));
                self.changed.notify_all();
                accepted()
            }
        }
    }

    fn next(&self) -> Response {
        let mut session = self.lock();
        let number = session.number;
        if session.handed_out.len() >= session.wanted {
            session.idle = true;
            self.changed.notify_all();
        }
        while session.number == number && session.handed_out.len() >= session.wanted {
            session = self.changed.wait(session).unwrap_or_else(PoisonError::into_inner);
        }
        if session.number != number {
            return Response::new(410, []);
        }
        let mut id = String::new();
        // Writing to a string cannot fail.
        write!(id, "00000000-0000-4000-8000-{:012}", session.handed_out.len()).ok();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIME_LIMIT;
        let response = Response { status: 200, headers: Vec::new(), body: session.event.clone() }
            .with("content-type", "application/json")
            .with("lambda-runtime-aws-request-id", id)
            .with("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .with(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:000000000000:function:bench",
            )
            .with("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0");
        session.handed_out.push(Instant::now());
        response
    }
}

fn accepted() -> Response {
    Response::new(202, *br#"{"status":"OK"}"#).with("content-type", "application/json")
}

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(600).collect()
}
