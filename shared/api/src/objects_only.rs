//! A deserializer that reads structs from JSON objects only.
//!
//! Derived `Deserialize` implementations also take a sequence for a struct, its fields by position. A client that
//! sends `[longitude, latitude]`, as GeoJSON does, would swap its coordinates unnoticed. This wrapper passes
//! everything on to another deserializer, at every depth, but asks for a map where a struct is wanted.
//!
//! Serde buffers what it reads for `flatten`, `untagged` and `tag`, and reads the buffer with a deserializer of its
//! own, which no wrapper sees. Request types do not use these attributes for nested structs; the conformance test
//! `an_array_is_no_object` sends an array for every object of the contract.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Wraps a deserializer, and whatever it and its visitors hand to each other.
pub(crate) struct ObjectsOnly<T>(pub(crate) T);

/// Passes a request for a value on, with the visitor wrapped.
macro_rules! deserialize {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* ObjectsOnly(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any() deserialize_bool() deserialize_char() deserialize_str() deserialize_string()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_seq() deserialize_map() deserialize_identifier() deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(ObjectsOnly(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Passes a scalar on as it is.
macro_rules! visit {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ObjectsOnly<V> {
    type Value = V::Value;

    visit! {
        visit_bool: bool, visit_char: char, visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128,
        visit_f32: f32, visit_f64: f64,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>
    }

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(ObjectsOnly(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(ObjectsOnly(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(ObjectsOnly(access))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(ObjectsOnly(access))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(ObjectsOnly(access))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for ObjectsOnly<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(ObjectsOnly(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for ObjectsOnly<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(ObjectsOnly(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for ObjectsOnly<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(ObjectsOnly(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(ObjectsOnly(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for ObjectsOnly<A> {
    type Error = A::Error;
    type Variant = ObjectsOnly<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(ObjectsOnly(seed))?;
        Ok((value, ObjectsOnly(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for ObjectsOnly<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(ObjectsOnly(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, ObjectsOnly(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.newtype_variant_seed(Map(ObjectsOnly(visitor)))
    }
}

/// Asks for a map.
struct Map<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Map<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::DeserializeOwned};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: u8,
        y: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Point);

    #[derive(Debug, PartialEq, Deserialize)]
    enum Shape {
        Nothing,
        Dot(Point),
        Line(Point, Point),
        Box { from: Point, to: Point },
    }

    fn read<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
        T::deserialize(ObjectsOnly(&mut serde_json::Deserializer::from_str(json)))
    }

    fn refuses<T: DeserializeOwned + fmt::Debug>(json: &str) {
        let error = read::<T>(json).unwrap_err().to_string();
        assert!(error.starts_with("invalid type: sequence, expected struct"), "{json}: {error}");
        serde_json::from_str::<T>(json).expect("serde itself takes it, so that the test shows something");
    }

    #[test]
    fn an_array_is_no_struct_at_any_depth() {
        refuses::<Point>("[1, 2]");
        refuses::<Wrapped>("[1, 2]");
        refuses::<Option<Point>>("[1, 2]");
        refuses::<Box<Point>>("[1, 2]");
        refuses::<Vec<Point>>("[[1, 2]]");
        refuses::<(u8, Point)>("[0, [1, 2]]");
        refuses::<BTreeMap<String, Vec<Option<Wrapped>>>>(r#"{"a": [null, [1, 2]]}"#);
        refuses::<Shape>(r#"{"Dot": [1, 2]}"#);
        refuses::<Shape>(r#"{"Line": [{"x": 1, "y": 2}, [3, 4]]}"#);
        refuses::<Shape>(r#"{"Box": {"from": [1, 2], "to": {"x": 3, "y": 4}}}"#);
        let variant = r#"{"Box": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}"#;
        let error = read::<Shape>(variant).unwrap_err().to_string();
        assert!(error.starts_with("invalid type: sequence, expected struct variant"), "{error}");
    }

    #[test]
    fn everything_else_is_read_as_before() {
        fn same<T: DeserializeOwned + fmt::Debug + PartialEq>(json: &str) {
            assert_eq!(read::<T>(json).unwrap(), serde_json::from_str::<T>(json).unwrap(), "{json}");
        }
        same::<Point>(r#"{"y": 2, "x": 1}"#);
        same::<Wrapped>(r#"{"x": 1, "y": 2}"#);
        same::<(u8, i64, f64, bool, char, String, ())>(r#"[1, -2, 3.5, true, "c", "text", null]"#);
        same::<Option<Vec<Option<Point>>>>(r#"[null, {"x": 1, "y": 2}]"#);
        same::<Option<Point>>("null");
        same::<BTreeMap<String, u128>>(r#"{"a": 340282366920938463463374607431768211455}"#);
        same::<serde_json::Value>(r#"{"a": [1, [2.5, {"b": null}], "c"]}"#);
        for shape in [
            r#""Nothing""#,
            r#"{"Dot": {"x": 1, "y": 2}}"#,
            r#"{"Line": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}"#,
            r#"{"Box": {"from": {"x": 1, "y": 2}, "to": {"x": 3, "y": 4}}}"#,
        ] {
            same::<Shape>(shape);
        }
    }
}
