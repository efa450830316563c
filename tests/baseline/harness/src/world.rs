//! What is there before the measurements begin: the keys that tokens are signed with, one person
//! without a picture, one with, a file that waits to be processed, a child, a background check, a sitter
//! whom parents find, and a search that was counted. The product's own code makes it, so that the harness
//! knows none of its formats.

use std::error::Error;

use api::{
    passwords,
    secrets::{self, LinkToken, RefreshToken, Secret},
    tokens::{self, Signer},
};
use aws_credential_types::Credentials;
use domain::{
    address::{Address, Country, Lines, Postcode},
    analytics::{Hour, Searched},
    care::Skill,
    child::{BirthMonth, Child, Details, Name, Roll},
    display_name::DisplayName,
    due::shard_of,
    email::EmailAddress,
    event::{Event, Fact},
    favourites::Favourites,
    geo::{Point, Radius},
    id::{CertificateId, ChildId, UploadId},
    language::Language,
    mail_link::{MailLink, Purpose as LinkPurpose},
    one_time_code::{Pending, Purpose as CodePurpose},
    parent::Profile,
    password::Password,
    phone::PhoneNumber,
    role::Role,
    session::{Client, Session},
    sitter::{Town, today},
    token_keys::KeySet,
    upload::{FileSize, ImageType, Purpose, Upload, Variant},
    user::User,
    vetting::{self, Certificate, Folder, Issuer, Kind, Reference, Title},
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use storage::{
    Tables,
    audit::{Action, Entry, Origin},
    certificates::seal_reference,
    field_cipher::FieldCipher,
    sessions::Proof,
    signing_secret::{PrivateKeys, SigningSecret},
};

use crate::{aws::Aws, listed};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";
/// The number that somebody is proving.
pub const PHONE: &str = "+447400123456";
/// Whose item the bare function reads, too.
pub const PLAIN_EMAIL: &str = "ada@example.org";

/// See the module.
pub struct World {
    /// The partition key of the person without a picture.
    pub plain_pk: String,
    /// The person without a picture.
    pub plain: SignedIn,
    /// The person with one.
    pub pictured: SignedIn,
    /// An admin.
    pub admin: SignedIn,
    /// A sitter who has handed in nothing.
    pub sitter: SignedIn,
    /// A sitter who has handed in a background check.
    pub checked: SignedIn,
    /// That background check.
    pub check: CertificateId,
    /// A sitter whom parents find: a favourite of the person without a picture, who has booked them, and
    /// the one with the background check.
    pub listed: SignedIn,
    /// The part of the directory that they are in.
    pub shard: u8,
    /// When they can be booked.
    pub tomorrow: [String; 2],
    /// The day, of UTC, of which searches are counted.
    pub today: Date,
    /// A child of the person without a picture.
    pub child: ChildId,
    /// From a link to prove the address of the person without a picture.
    pub verify_token: String,
    /// From a link to choose a password.
    pub reset_token: String,
    /// What proves their number.
    pub code: String,
    /// A published upload of the person with a picture.
    pub ready: UploadId,
    /// An upload whose file has arrived.
    pub awaiting: UploadId,
    /// An event on its way out, as the table's stream carries it.
    pub outbox_image: Value,
    /// What it says.
    pub event: Event,
}

/// Somebody's tokens.
pub struct SignedIn {
    pub user_id: String,
    pub session_id: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl World {
    /// Writes everything into `aws`. The process must have the environment of a function.
    pub async fn build(aws: &Aws) -> Result<Self, Box<dyn Error>> {
        let now = Timestamp::now();
        let credentials = Credentials::new("key", "secret", None, None, "bench");
        let sdk = config::aws::connect("eu-west-1".into(), credentials, Some(aws.endpoint.clone()));
        let tables = Tables::from_env(&sdk)?;
        let settings = api::Settings::from_env()?;

        let (public, private) = tokens::generate_key(now)?;
        let mut keys = PrivateKeys::default();
        keys.replace(public.kid.clone(), private, |_| true);
        SigningSecret::from_env(&sdk)?.write(&keys).await?;
        tables.publish_token_keys(&KeySet::default().publish(public, now), 0).await?;
        let signer = Signer::from_keys(keys);

        let (plain, event) = register(&tables, Role::Parent, "Ada Lovelace", PLAIN_EMAIL, now).await?;
        let outbox_image = aws.item("OUTBOX#").ok_or("registering leaves an event")?;
        let (pictured, _) = register(&tables, Role::Parent, "Grace Hopper", "grace@example.org", now).await?;
        let (admin, _) = register(&tables, Role::Admin, "Root", "root@example.org", now).await?;

        let (sitter, _) = register(&tables, Role::Sitter, "Mary Poppins", "mary@example.org", now).await?;
        let (checked, _) = register(&tables, Role::Sitter, "Nanny McPhee", "nanny@example.org", now).await?;
        let cipher = FieldCipher::from_env(&sdk)?;
        let child = describe_child(&tables, &cipher, &plain, now).await?;
        let check = hand_in_check(&tables, &cipher, &checked, now).await?;

        let announce = |owner: &User| -> Result<Upload, Box<dyn Error>> {
            let size = FileSize::parse(4_000_000).map_err(|violation| violation.code)?;
            Ok(Upload::announce(owner.id, Purpose::Avatar, ImageType::Jpeg, size, now))
        };
        let awaiting = announce(&pictured)?;
        tables.announce_upload(&awaiting).await?;
        let claimed = announce(&pictured)?.claimed("1", now)?;
        tables.announce_upload(&claimed).await?;
        let ready = claimed.clone().published(variants())?;
        tables.publish_avatar(&claimed, &ready, pictured.clone(), now).await?;

        let (listed, _) = register(&tables, Role::Sitter, "Beth Ackroyd", "beth@example.org", now).await?;
        let claimed = announce(&listed)?.claimed("1", now)?;
        tables.announce_upload(&claimed).await?;
        let published = claimed.clone().published(variants())?;
        tables.publish_avatar(&claimed, &published, listed.clone(), now).await?;
        listed::list(&tables, listed.id, &pictured, now).await?;
        tables.save_favourites(plain.id, Favourites::default().with(listed.id, now)?, 0).await?;
        tables.note_pairing(domain::id::new(now), plain.id, listed.id, now).await?;
        tables.note_pairing(domain::id::new(now), plain.id, checked.id, now).await?;
        tables.count_search(domain::id::new(now), Hour::of(now), &searched(), now).await?;

        let sign_in = async |user: &User| -> Result<SignedIn, Box<dyn Error>> {
            let secret = Secret::generate();
            let session =
                Session::start(user.id, user.role, user.epoch, secret.token(), Client::default(), now);
            let compared = tables.credentials(user.id).await?.ok_or("everybody has a password")?;
            let proof = Proof { compared: &compared, changed: None, pending: None };
            tables.start_session(&session, proof, &entry(user, Action::SignedIn, now)).await?;
            let signed = signer.sign(&tables, &settings, &session, now).await;
            Ok(SignedIn {
                access_token: signed.map_err(|_| "no access token could be signed")?,
                refresh_token: RefreshToken { user_id: user.id, id: session.id, secret }.encode(),
                user_id: user.id.to_string(),
                session_id: session.id.to_string(),
            })
        };
        let link = async |purpose| -> Result<String, Box<dyn Error>> {
            let token = LinkToken { user_id: plain.id, secret: Secret::generate() };
            tables
                .save_link(&MailLink::new(&plain, purpose, plain.email.clone(), token.secret.hash(), now))
                .await?;
            Ok(token.encode())
        };
        let code = secrets::generate_code().map_err(|_| "no code")?;
        let phone = PhoneNumber::parse(PHONE).map_err(|violation| violation.code)?;
        let mut pending = Pending::new(&plain, CodePurpose::ProvePhone { phone }, now);
        pending.code_hash = Some(passwords::hash_code(&code).map_err(|_| "the code could not be hashed")?);
        tables.await_text(&pending, &event).await?;
        Ok(Self {
            admin: sign_in(&admin).await?,
            sitter: sign_in(&sitter).await?,
            checked: sign_in(&checked).await?,
            check,
            shard: shard_of(listed.id.uuid()),
            tomorrow: [24, 28].map(|hours| (now + SignedDuration::from_hours(hours)).to_string()),
            today: Hour::of(now).date,
            listed: sign_in(&listed).await?,
            child,
            verify_token: link(LinkPurpose::VerifyEmail).await?,
            reset_token: link(LinkPurpose::ResetPassword).await?,
            code: code.expose().to_owned(),
            plain_pk: format!("USER#{}", plain.id),
            plain: sign_in(&plain).await?,
            pictured: sign_in(&pictured).await?,
            ready: ready.id,
            awaiting: awaiting.id,
            outbox_image,
            event,
        })
    }
}

/// What is counted of a search that has found nobody.
pub fn searched() -> Searched {
    Searched { latency: 2, in_vain: true, terms: vec!["cantonese".into()], group: 7 }
}

async fn register(
    tables: &Tables,
    role: Role,
    name: &str,
    email: &str,
    now: Timestamp,
) -> Result<(User, Event), Box<dyn Error>> {
    let email: EmailAddress = EmailAddress::parse(email).map_err(|violation| violation.code)?;
    let name = DisplayName::parse(name).map_err(|violation| violation.code)?;
    let password = Password::parse(PASSWORD).map_err(|violation| violation.code)?;
    let hash = passwords::hash(&password).map_err(|_| "the password could not be hashed")?;
    let user = User::register(role, email, name, SignedDuration::from_hours(7 * 24), now);
    let event = Event::new(Fact::UserRegistered { user_id: user.id, epoch: user.epoch }, now);
    tables.register(user.clone(), hash, &event, &entry(&user, Action::Registered, now)).await?;
    Ok((user, event))
}

async fn describe_child(
    tables: &Tables,
    cipher: &FieldCipher,
    parent: &User,
    now: Timestamp,
) -> Result<ChildId, Box<dyn Error>> {
    let key = tables.data_key_or_new(cipher, parent.id).await?;
    tables.save_parent_profile(&key, &home(parent)?).await?;
    let details = Details {
        name: Name::parse("Byron").map_err(|violation| violation.code)?,
        birth_month: BirthMonth::parse("2026-03", today(now)).map_err(|violation| violation.code)?,
        allergies: None,
        needs: None,
    };
    let child = Child::new(parent.id, details, now);
    let roll = Roll::new(parent.id).with(child.id).ok_or("the roll is full")?;
    tables.add_child(&key, &child, &roll).await?;
    Ok(child.id)
}

fn home(parent: &User) -> Result<Profile, Box<dyn Error>> {
    let address = Address {
        lines: Lines::parse("1 Mill Lane").map_err(|violation| violation.code)?,
        town: Town::parse("Hebden Bridge").map_err(|violation| violation.code)?,
        postcode: Postcode::parse("HX7 8AD").map_err(|violation| violation.code)?,
        country: Country::parse("GB").map_err(|violation| violation.code)?,
    };
    Ok(Profile {
        user_id: parent.id,
        address,
        point: Point::parse(53.7416, -2.0133).map_err(|violation| violation.code)?,
        radius: Radius::default(),
        languages: [Language::parse("en").map_err(|violation| violation.code)?].into(),
        skills: Skill::FirstAid.into(),
        max_rate: None,
        emergency_contact: None,
        version: 1,
    })
}

async fn hand_in_check(
    tables: &Tables,
    cipher: &FieldCipher,
    sitter: &User,
    now: Timestamp,
) -> Result<CertificateId, Box<dyn Error>> {
    let details = vetting::Details {
        kind: Kind::BackgroundCheck,
        title: Title::parse("Enhanced DBS check").map_err(|violation| violation.code)?,
        issuer: Issuer::parse("DBS").map_err(|violation| violation.code)?,
        issued_on: today(now),
        expires_on: Some(Date::MAX),
    };
    let id: CertificateId = domain::id::new(now);
    let folder = Folder::new(sitter.id).with(id, details.kind);
    let key = tables.data_key_or_new(cipher, sitter.id).await?;
    let reference = Reference::parse("001234567890").map_err(|violation| violation.code)?;
    let sealed = seal_reference(&key, id, &reference)?;
    tables
        .submit_certificate(&Certificate::submit(id, sitter.id, details, sealed, now), &folder, None)
        .await?;
    Ok(id)
}

fn entry(user: &User, action: Action, at: Timestamp) -> Entry {
    Entry::by_self(user.id, action, at, Origin::default())
}

fn variants() -> Vec<Variant> {
    let sizes = [("thumbnail", 128, 128), ("card", 300, 300), ("full", 1024, 768)];
    let formats = ["jpeg", "webp"];
    sizes
        .iter()
        .flat_map(|&(size, width, height)| {
            formats.map(|format| Variant { size: size.into(), format: format.into(), width, height })
        })
        .collect()
}
