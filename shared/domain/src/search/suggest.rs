use std::collections::BTreeMap;

use strum::{AsRefStr, IntoEnumIterator};

use super::{Card, fold};
use crate::care::Skill;

/// Something that somebody who has typed a little may want to type in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// In full.
    pub text: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// How many sitters nearby it finds; 0 where no place was asked for.
    pub sitters: usize,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, AsRefStr)]
#[strum(serialize_all = "snake_case")]
pub enum SuggestionKind {
    /// Of a sitter.
    Name,
    /// What sitters can do.
    Skill,
    /// A word that sitters use.
    Word,
}

/// A word must be used by so many sitters to be suggested: what only one writes may be private.
const COMMON: usize = 2;

/// What the beginning of a word, or of several, may become: names and skills first, then the words
/// that most use. `cards` are those of sitters nearby.
pub fn suggest<'a>(
    typed: &str,
    cards: impl Iterator<Item = &'a Card> + Clone,
    limit: usize,
) -> Vec<Suggestion> {
    let typed = fold(typed).join(" ");
    if typed.is_empty() {
        return Vec::new();
    }
    let begins = |text: &str| {
        let folded = fold(text);
        (0..folded.len()).any(|start| folded[start..].join(" ").starts_with(&typed))
    };
    let mut suggestions: Vec<Suggestion> = Vec::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for card in cards.clone() {
        if card.names().any(|word| word.starts_with(typed.split(' ').next().unwrap_or_default()))
            && begins(&card.name)
        {
            *names.entry(&card.name).or_default() += 1;
        }
        for word in card.words.iter().filter(|word| word.text.starts_with(&typed)) {
            *words.entry(&word.text).or_default() += 1;
        }
    }
    let skills = Skill::iter().filter_map(|skill| {
        let text = skill.as_ref().replace('_', " ");
        let sitters = cards.clone().filter(|card| card.skills.contains(skill)).count();
        begins(&text).then_some(Suggestion { text, kind: SuggestionKind::Skill, sitters })
    });
    suggestions.extend(skills);
    suggestions.extend(names.into_iter().map(|(name, sitters)| Suggestion {
        text: name.to_owned(),
        kind: SuggestionKind::Name,
        sitters,
    }));
    suggestions.extend(
        words.into_iter().filter(|(_, sitters)| *sitters >= COMMON).map(|(word, sitters)| Suggestion {
            text: word.to_owned(),
            kind: SuggestionKind::Word,
            sitters,
        }),
    );
    suggestions.sort_by(|a, b| (a.kind, b.sitters, &a.text).cmp(&(b.kind, a.sitters, &b.text)));
    suggestions.truncate(limit);
    suggestions
}
