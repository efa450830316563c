//! A function that reads one item, written as the SDK's documentation shows it.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Body, Error, Request, Response, run, service_fn};

/// Makes the client, then serves.
pub async fn get_item() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = std::env::var("MAIN_TABLE")?;
    let key = std::env::var("ITEM_PK")?;
    run(service_fn(async |_: Request| read(&client, &table, &key).await)).await
}

async fn read(client: &Client, table: &str, key: &str) -> Result<Response<Body>, Error> {
    let output = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(key.into()))
        .key("sk", AttributeValue::S("PROFILE".into()))
        .send()
        .await?;
    let name = output.item().and_then(|item| item.get("name")).and_then(|name| name.as_s().ok());
    Ok(Response::new(name.ok_or("no such item")?.as_str().into()))
}
