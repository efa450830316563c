//! The embedded DynamoDB, with the index of so many sitters.

use std::{
    collections::HashMap,
    io::{self, Write, stdin, stdout},
    path::Path,
    sync::mpsc,
    thread,
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::search::View;
use dynoxide::{Database, ImportOptions};
use storage::{Tables, search::SearchIndex};
use testing::{Dynamo, TABLES, country::Country};

use crate::{Failure, SEED};

/// So many sitters are written at once.
const CHUNK: usize = 2000;

/// Fills one in that folder, prints where it listens, and stays until its input ends.
pub async fn serve(count: usize, folder: &Path) -> Result<(), Failure> {
    let path = folder.join("store.sqlite");
    let database = Database::new(path.to_str().ok_or("the folder's name is no text")?)?;
    let dynamo = Dynamo::over(database.clone()).await;
    let index = SearchIndex::new(Tables::new(dynamo.client.clone(), TABLES.map(String::from)));
    database.enable_bulk_loading()?;
    // One core writes what the other has made up.
    let (send, receive) = mpsc::sync_channel(4);
    let maker = thread::spawn(move || {
        let mut sitters = Country::new(SEED).sitters(count);
        loop {
            let views: Vec<_> = sitters.by_ref().take(CHUNK).collect();
            if views.is_empty() || send.send(items(&views).map(|items| (views, items))).is_err() {
                break;
            }
        }
    });
    for made in receive {
        let (views, items) = made?;
        database.import_items("search", items, ImportOptions::default())?;
        index.announce(views.iter().map(|view| &view.card)).await?;
    }
    maker.join().map_err(|_| "the sitters could not be made")?;
    database.disable_bulk_loading()?;
    writeln!(stdout(), "{}", dynamo.endpoint)?;
    // What waits for the end must not keep the server from its work.
    tokio::task::spawn_blocking(|| io::copy(&mut stdin(), &mut io::sink())).await??;
    Ok(())
}

/// What the index itself would write.
fn items(views: &[View]) -> Result<Vec<dynoxide::Item>, storage::Error> {
    let mut items = Vec::with_capacity(views.len() * 3);
    for view in views {
        items.extend(storage::search::items(view)?.into_iter().map(converted));
    }
    Ok(items)
}

fn converted(item: HashMap<String, AttributeValue>) -> dynoxide::Item {
    item.into_iter().map(|(name, value)| (name, value_of(value))).collect()
}

fn value_of(value: AttributeValue) -> dynoxide::AttributeValue {
    match value {
        AttributeValue::S(text) => dynoxide::AttributeValue::S(text),
        AttributeValue::N(number) => dynoxide::AttributeValue::N(number),
        AttributeValue::B(bytes) => dynoxide::AttributeValue::B(bytes.into_inner()),
        AttributeValue::L(values) => dynoxide::AttributeValue::L(values.into_iter().map(value_of).collect()),
        other => unreachable!("the index writes no {other:?}"),
    }
}
