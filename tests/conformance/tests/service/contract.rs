use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&conformance::document()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap();
            methods
                .iter()
                .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let all = operations(&document);
    assert!(all.len() >= 11);
    for (name, operation) in all {
        assert!(operation["operationId"].is_string(), "{name}");
        assert!(operation["tags"][0].is_string(), "{name} has no tag");
        let summary = operation["summary"].as_str().or(operation["description"].as_str());
        assert!(summary.is_some_and(|text| !text.is_empty()), "{name} has no words");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
            let is_error = status.starts_with('4') || status == "500";
            assert!(
                !is_error || response["content"]["application/problem+json"].is_object(),
                "{name} {status}"
            );
        }
    }
}

#[test]
fn every_field_of_a_schema_is_described() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let described = property["description"].is_string() || property["$ref"].is_string();
            assert!(described || property["oneOf"].is_array(), "{name}.{field} has no words");
        }
    }
}

#[test]
fn the_document_is_committed() {
    let committed = include_str!("../../../../infra/openapi.json");
    assert!(committed == conformance::document(), "run scripts/openapi");
}
