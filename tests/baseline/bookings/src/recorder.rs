//! Stands before the store: counts what it is asked, and keeps questions and answers.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use aws_types::SdkConfig;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;

/// What a transaction is called.
pub const TRANSACTION: &str = "TransactWriteItems";
/// What the names of DynamoDB's operations begin with.
const DYNAMO: &str = "DynamoDB_";

/// Counts and keeps. Its clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<String, u64>,
    mode: Mode,
}

#[derive(Debug, Default)]
enum Mode {
    /// Only counts.
    #[default]
    Pass,
    /// Keeps what passes.
    Record(Vec<Call>),
    /// Keeps what is asked, which does not arrive and counts as done.
    Divert(Vec<Call>),
}

/// What was asked of AWS, and the answer.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation, e.g. `GetItem`, with the service where that is not DynamoDB.
    pub name: String,
    /// The body.
    pub request: Value,
    /// The body of the answer.
    pub answer: Value,
}

/// How large a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Size {
    /// Its writes and its conditions.
    pub items: usize,
    /// Of what is written, as DynamoDB counts them; of what is removed, the keys.
    pub bytes: usize,
}

/// What some calls took.
#[derive(Debug, Default, Serialize)]
pub struct Cost {
    /// How many there were, by name.
    pub calls: BTreeMap<String, u64>,
    /// Read request units.
    pub read_units: f64,
    /// Write request units.
    pub write_units: f64,
    /// Of the largest transaction.
    pub transaction: Option<Size>,
}

impl Recorder {
    /// That configuration, with this before the connection.
    pub fn before(&self, config: &SdkConfig) -> Result<SdkConfig, Failure> {
        let inner = config.http_client().ok_or("the configuration has no client")?;
        let client = Client { inner, recorder: self.clone() };
        Ok(config.to_builder().http_client(client).build())
    }

    /// How often that operation was called since the last time that anything was taken.
    pub fn take_counts(&self) -> BTreeMap<String, u64> {
        mem::take(&mut self.state().counts)
    }

    /// Keeps what is asked from now on, until it is taken.
    pub fn record(&self) {
        self.state().mode = Mode::Record(Vec::new());
    }

    /// Keeps what is asked, and lets none of it through, until it is taken.
    pub fn divert(&self) {
        self.state().mode = Mode::Divert(Vec::new());
    }

    /// What was kept.
    pub fn take(&self) -> Vec<Call> {
        match mem::take(&mut self.state().mode) {
            Mode::Pass => Vec::new(),
            Mode::Record(calls) | Mode::Divert(calls) => calls,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Client {
    inner: SharedHttpClient,
    recorder: Recorder,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, recorder: self.recorder.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    recorder: Recorder,
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let name = match target.split_once('.') {
            Some((service, operation)) if service.starts_with(DYNAMO) => operation.to_owned(),
            _ => target,
        };
        let mut state = self.recorder.state();
        *state.counts.entry(name.clone()).or_default() += 1;
        let asked = request.body().bytes().and_then(|body| serde_json::from_slice::<Value>(body).ok());
        match &mut state.mode {
            Mode::Pass => self.inner.call(request),
            Mode::Divert(calls) => {
                calls.push(Call { name, request: asked.unwrap_or_default(), answer: Value::Null });
                HttpConnectorFuture::ready(done())
            }
            Mode::Record(_) => {
                let mut asked = asked.unwrap_or_default();
                if asked
                    .get("TableName")
                    .or(asked.get("TransactItems"))
                    .or(asked.get("RequestItems"))
                    .is_some()
                {
                    asked["ReturnConsumedCapacity"] = json!("TOTAL");
                    let body = asked.to_string();
                    request.headers_mut().insert("content-length", body.len().to_string());
                    *request.body_mut() = SdkBody::from(body);
                }
                let answer = self.inner.call(request);
                let recorder = self.recorder.clone();
                HttpConnectorFuture::new(async move {
                    let mut response = answer.await?;
                    let body = ByteStream::new(response.take_body()).collect().await;
                    let body = body.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
                    let answer = serde_json::from_slice(&body).unwrap_or_default();
                    if let Mode::Record(calls) = &mut recorder.state().mode {
                        calls.push(Call { name, request: asked, answer });
                    }
                    *response.body_mut() = SdkBody::from(body);
                    Ok(response)
                })
            }
        }
    }
}

fn done() -> Result<HttpResponse, ConnectorError> {
    let status = 200.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
    Ok(HttpResponse::new(status, SdkBody::from("{}")))
}

impl Call {
    /// The items that a transaction writes, with the table of each.
    pub fn puts(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.parts("Put").filter_map(|put| Some((put["TableName"].as_str()?, &put["Item"])))
    }

    fn parts(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        let writes = self.request["TransactItems"].as_array().into_iter().flatten();
        writes.filter_map(move |write| write.get(kind))
    }

    fn size(&self) -> Result<Size, Failure> {
        let mut size = Size { items: 0, bytes: 0 };
        for (kind, content) in
            [("Put", "Item"), ("Delete", "Key"), ("ConditionCheck", "Key"), ("Update", "Key")]
        {
            for part in self.parts(kind) {
                let item: dynoxide::Item = serde_json::from_value(part[content].clone())?;
                size.items += 1;
                size.bytes += dynoxide::types::item_size(&item);
            }
        }
        Ok(size)
    }

    /// Read and write request units, as the answer tells.
    fn units(&self) -> Result<(f64, f64), Failure> {
        let told = match &self.answer["ConsumedCapacity"] {
            Value::Array(tables) => tables.iter().collect(),
            Value::Null => Vec::new(),
            table => vec![table],
        };
        let told: f64 = told.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
        let refused = self.answer["__type"].as_str().unwrap_or_default();
        match self.name.as_str() {
            "GetItem" | "BatchGetItem" | "Query" => Ok((told, 0.0)),
            // Which costs as much as if it had been done; all that is written so is below a kilobyte.
            _ if refused.ends_with("ConditionalCheckFailedException") => Ok((0.0, 1.0)),
            _ if !refused.is_empty() => Err(format!("{} was refused: {refused}", self.name).into()),
            _ => Ok((0.0, told)),
        }
    }
}

impl Cost {
    /// Of all of them.
    pub fn of(calls: &[Call]) -> Result<Self, Failure> {
        let mut cost = Self::default();
        for call in calls {
            *cost.calls.entry(call.name.clone()).or_default() += 1;
            let (read, write) = call.units()?;
            cost.read_units += read;
            cost.write_units += write;
            if call.name == TRANSACTION {
                cost.transaction = cost.transaction.max(Some(call.size()?));
            }
        }
        Ok(cost)
    }
}
