//! What tests run against: an embedded DynamoDB, fresh and empty for each.

mod bookings;
mod brute_force;
mod calls;
pub mod country;
mod recording;
mod sitters;
mod stand_ins;
mod stripe_stub;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType,
    },
};
use aws_types::SdkConfig;
pub use bookings::{asked_for, requested_booking, window};
pub use brute_force::BruteForce;
pub use calls::Calls;
use dynoxide::Database;
pub use recording::acting_as;
pub use sitters::{every_day, listed_sitter};
pub use stand_ins::Objects;
pub use stripe_stub::{
    Account as StripeAccount, Books as StripeBooks, Intent as StripeIntent, STRIPE_WEBHOOK_SECRET,
    StripeStub, Transfer as StripeTransfer, stripe_signature,
};
use tokio::{net::TcpListener, sync::oneshot};

/// An embedded DynamoDB with the project's tables, which ends with the value.
pub struct Dynamo {
    /// Speaks to it.
    pub client: Client,
    /// What a client of it is built from.
    pub config: SdkConfig,
    /// Where it listens.
    pub endpoint: String,
    /// What the clients have called.
    pub calls: Calls,
    /// Held so that the server stops when the test drops it.
    _stop: oneshot::Sender<()>,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dynamo")
    }
}

/// The names of the tables: main, ephemeral, audit, search.
pub const TABLES: [&str; 4] = ["main", "ephemeral", "audit", "search"];

impl Dynamo {
    /// Starts one.
    ///
    /// # Panics
    /// If it cannot start: a test cannot go on without it.
    pub async fn start() -> Self {
        Self::over(Database::memory().expect("memory")).await
    }

    /// Starts one over an empty database.
    ///
    /// # Panics
    /// If it cannot start.
    pub async fn over(database: Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            // An error says that the sender is gone, which is what is waited for.
            stopped.await.ok();
        }));
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = config::aws::connect("eu-west-1".into(), credentials, Some(endpoint.clone()));
        let calls = Calls::default();
        let inner = config.http_client().expect("a client");
        let observed = calls::Observed { inner, calls: calls.clone() };
        let config = config.into_builder().http_client(observed).build();
        let client = Client::new(&config);
        for table in TABLES {
            create_table(&client, table).await;
        }
        calls.take();
        Self { client, config, endpoint, calls, _stop: stop }
    }
}

/// As in the template: `pk` and `sk`, and the indexes.
async fn create_table(client: &Client, name: &str) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .ok()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().ok();
    let mut attributes = vec!["pk", "sk"];
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema([key("pk", KeyType::Hash), key("sk", KeyType::Range)].into_iter().collect());
    let indexes: &[(&str, &str, &str, ProjectionType)] = match name {
        "main" => &[
            ("due", "due_pk", "due_sk", ProjectionType::KeysOnly),
            ("directory", "directory_pk", "directory_sk", ProjectionType::KeysOnly),
        ],
        "audit" => &[("actor", "actor_pk", "sk", ProjectionType::All)],
        _ => &[],
    };
    for (index, hash, range, projection) in indexes {
        attributes.extend([hash, range]);
        let index = GlobalSecondaryIndex::builder()
            .index_name(*index)
            .set_key_schema([key(hash, KeyType::Hash), key(range, KeyType::Range)].into_iter().collect())
            .projection(Projection::builder().projection_type(projection.clone()).build());
        request = request.global_secondary_indexes(index.build().expect("an index"));
    }
    attributes.sort_unstable();
    attributes.dedup();
    request
        .set_attribute_definitions(attributes.into_iter().map(attribute).collect())
        .send()
        .await
        .expect("a table");
}
