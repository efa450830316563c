//! Each person's key, with which what is private of them is sealed before it is stored.
//!
//! | question                  | table | pk         | sk       |
//! |---------------------------|-------|------------|----------|
//! | what is this person's key | main  | USER#‹id›  | DATA_KEY |
//!
//! The key is stored encrypted by KMS, which opens it for a request once, however many fields the
//! request reads. Removing the item makes all that was sealed with it unreadable, wherever a copy of it
//! lies; but not in the table's own past, which has the key, too, and ends after 35 days.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::id::UserId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error, Tables,
    field_cipher::{Field, FieldCipher},
    tables::Condition,
    users,
};

pub(crate) const SK: &str = "DATA_KEY";

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    pk: String,
    sk: String,
    schema_version: u8,
    sealed_key: String,
}

/// A person's key, opened. It lives as long as the request that it was opened for.
pub struct DataKey {
    user_id: UserId,
    key: RandomizedNonceKey,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({}, …)", self.user_id)
    }
}

impl DataKey {
    fn new(user_id: UserId, plain: &[u8]) -> Result<Self, Error> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, plain);
        Ok(Self { user_id, key: key.map_err(|_| Error::Unreadable("a data key".into()))? })
    }

    /// Whose it is.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The value, sealed for one field of one item of the person: nonce, ciphertext and tag, in base64.
    /// A random nonce serves a key for four thousand million fields.
    pub fn seal<T: Serialize>(&self, item: &str, field: &str, value: &T) -> Result<String, Error> {
        let failed = || Error::Unreadable(format!("the field {field}, which was to be sealed"));
        let mut sealed = serde_json::to_vec(value).map_err(|_| failed())?;
        let aad = self.aad(item, field);
        let nonce = self.key.seal_in_place_append_tag(aad, &mut sealed).map_err(|_| failed())?;
        Ok(BASE64_STANDARD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
    }

    /// The value that was sealed for that field of that item. Fails with [`Error::Unreadable`] if it was
    /// sealed for another, or with another key.
    pub fn open<T: DeserializeOwned>(&self, item: &str, field: &str, sealed: &str) -> Result<T, Error> {
        let unreadable = || Error::Unreadable(format!("the sealed field {field}"));
        let mut bytes = BASE64_STANDARD.decode(sealed).map_err(|_| unreadable())?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        let plain = self.key.open_in_place(nonce, self.aad(item, field), sealed).map_err(|_| unreadable())?;
        serde_json::from_slice(plain).map_err(|_| unreadable())
    }

    /// Names the place, so that a ciphertext that is copied to another does not open there. None of the
    /// parts has a slash.
    fn aad(&self, item: &str, field: &str) -> Aad<String> {
        Aad::from(format!("{}/{item}/{field}", self.user_id))
    }
}

fn field(user_id: UserId) -> Field {
    Field { user_id, name: "data_key" }
}

impl Tables {
    /// The person's key; `None` if nothing of them was ever sealed, or if the key was removed.
    pub async fn data_key(&self, cipher: &FieldCipher, user: UserId) -> Result<Option<DataKey>, Error> {
        let Some(item) = self.get::<Item>(&self.main, &users::pk(user), SK).await? else { return Ok(None) };
        let plain = cipher.open(field(user), &item.sealed_key).await?;
        DataKey::new(user, &plain).map(Some)
    }

    /// The person's key, which is made if there is none. Of several that are made at once, one is kept.
    pub async fn data_key_or_new(&self, cipher: &FieldCipher, user: UserId) -> Result<DataKey, Error> {
        if let Some(key) = self.data_key(cipher, user).await? {
            return Ok(key);
        }
        let (plain, sealed_key) = cipher.generate_key(field(user)).await?;
        let item = Item { pk: users::pk(user), sk: SK.into(), schema_version: 1, sealed_key };
        match self.put(&self.main, &item, Condition::Absent).await {
            Ok(()) => DataKey::new(user, &plain),
            // Somebody was quicker: theirs is the one.
            Err(Error::Conflict) => self.data_key(cipher, user).await?.ok_or(Error::Conflict),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn key(byte: u8) -> DataKey {
        DataKey::new(UserId::from_uuid(uuid::Uuid::nil()), &[byte; 32]).unwrap()
    }

    fn unreadable<T: std::fmt::Debug>(opened: Result<T, Error>) {
        assert!(matches!(opened, Err(Error::Unreadable(_))), "{opened:?}");
    }

    #[test]
    fn opens_where_it_was_sealed_and_nowhere_else() {
        let key = key(1);
        let sealed = key.seal("CHILD#1", "name", &"Byron").unwrap();
        assert_eq!(key.open::<String>("CHILD#1", "name", &sealed).unwrap(), "Byron");
        assert_ne!(sealed, key.seal("CHILD#1", "name", &"Byron").unwrap(), "no two look the same");
        unreadable(key.open::<String>("CHILD#2", "name", &sealed));
        unreadable(key.open::<String>("CHILD#1", "needs", &sealed));
        unreadable(self::key(2).open::<String>("CHILD#1", "name", &sealed));
        let other = DataKey { user_id: domain::id::new(Timestamp::UNIX_EPOCH), ..self::key(1) };
        unreadable(other.open::<String>("CHILD#1", "name", &sealed));
        unreadable(key.open::<u64>("CHILD#1", "name", &sealed));
    }

    #[test]
    fn whatever_was_touched_does_not_open() {
        let key = key(1);
        let sealed = BASE64_STANDARD.decode(key.seal("A", "b", &7).unwrap()).unwrap();
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            unreadable(key.open::<u8>("A", "b", &BASE64_STANDARD.encode(touched)));
            unreadable(key.open::<u8>("A", "b", &BASE64_STANDARD.encode(&sealed[..at])));
        }
        unreadable(key.open::<u8>("A", "b", "not base64"));
        assert!(DataKey::new(key.user_id, &[1; 16]).is_err());
    }
}
