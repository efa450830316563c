use std::{collections::HashSet, sync::LazyLock};

use rust_stemmers::{Algorithm, Stemmer};

use crate::{Violation, text::without_layout};

/// The words of a query, and those of them that are ignored because everybody has them, or nobody writes them.
///
/// A query of stop words alone looks for a name first: people are called Will or Do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Words {
    terms: Vec<Term>,
    ignored: Vec<String>,
}

/// One word that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    word: String,
    stem: String,
    /// Cards have a stop word only if it is a part of a name: other forms of it, and slips, are other words.
    is_stop_word: bool,
}

/// How a word was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// One letter is missing, too many, another, or changes places with its neighbour.
    Typo,
    /// The same word, or another form of it.
    Exact,
}

/// Longer questions are not asked in words.
const MAX_CHARS: usize = 100;
/// Each costs a look at every word of a town. Some scripts have a word in each character.
const MAX_TERMS: usize = 12;
/// In a shorter word, one letter makes another word.
const MIN_CHARS_FOR_TYPO: usize = 4;

impl Words {
    /// Reads what somebody has typed.
    pub fn parse(raw: &str) -> Result<Self, Violation> {
        let typed = without_layout(raw).split_whitespace().collect::<Vec<_>>().join(" ");
        if typed.chars().count() > MAX_CHARS {
            return Err(Violation::new("too_long", format!("must be at most {MAX_CHARS} characters")));
        }
        let mut words = Self::default();
        let mut names: Vec<Term> = Vec::new();
        for piece in typed.split(' ').filter(|piece| !piece.is_empty()) {
            let folded = fold(piece);
            if folded.is_empty() {
                words.ignored.push(piece.to_owned());
            }
            for word in folded {
                let term = Term::new(word);
                if term.is_stop_word {
                    words.ignored.push(term.word.clone());
                }
                let terms = if term.is_stop_word { &mut names } else { &mut words.terms };
                if !terms.contains(&term) {
                    terms.push(term);
                }
            }
        }
        if words.terms.is_empty() {
            words.terms = names;
        }
        if words.terms.len() > MAX_TERMS {
            return Err(Violation::new("too_many", format!("must be at most {MAX_TERMS} words")));
        }
        Ok(words)
    }

    /// What is looked for.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What was left out.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        let is_term = |word: &&String| self.terms.iter().any(|term| term.word == **word);
        self.ignored.iter().filter(move |word| !is_term(word)).map(String::as_str)
    }

    /// The same query for the case that nobody has the name that it looks for: stop words are ignored. `None` for a
    /// query that looks for something else.
    pub fn without_names(&self) -> Option<Self> {
        let looks_for_name = self.terms.iter().any(Term::is_stop_word);
        looks_for_name.then(|| Self { terms: Vec::new(), ignored: self.ignored.clone() })
    }
}

impl Term {
    fn new(word: String) -> Self {
        Self { stem: stem(&word), is_stop_word: is_stop_word(&word), word }
    }

    /// Whether the term is a stop word, and therefore can only be a name.
    pub fn is_stop_word(&self) -> bool {
        self.is_stop_word
    }

    /// The word, folded.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Whether a folded word is meant.
    pub fn find(&self, word: &str) -> Option<Match> {
        // Most words are of another length, and need not be stemmed to see that.
        if self.word.len().abs_diff(word.len()) > MAX_SUFFIX {
            return None;
        }
        self.find_stemmed(word, &stem(word))
    }

    /// The same, where the word's stem is known already.
    pub fn find_stemmed(&self, word: &str, stem: &str) -> Option<Match> {
        if self.is_stop_word {
            (self.word == word).then_some(Match::Exact)
        } else if self.stem == stem {
            Some(Match::Exact)
        } else if one_apart(&self.word, word) || one_apart(&self.stem, stem) {
            Some(Match::Typo)
        } else {
            None
        }
    }
}

/// What stemming takes away at most, generously, and a letter: "-fulnesses", "-ationally".
const MAX_SUFFIX: usize = 12;

/// Whether one edit makes one word of the other. A query asks this of every word of a town, so nothing
/// is allocated, and most words are told apart by their length or a look at two letters.
fn one_apart(asked: &str, written: &str) -> bool {
    // In ASCII, as `fold` makes them.
    let (asked, written) = (asked.as_bytes(), written.as_bytes());
    if asked.len() < MIN_CHARS_FOR_TYPO || asked.len().abs_diff(written.len()) > 1 {
        return false;
    }
    let same = asked.iter().zip(written).take_while(|(a, b)| a == b).count();
    // Whichever edit it is, it is where they begin to differ.
    match (&asked[same..], &written[same..]) {
        ([], []) => false,
        ([_, rest @ ..], other) | (other, [_, rest @ ..]) if rest == other => true,
        ([a, asked @ ..], [b, written @ ..]) if asked == written && a != b => true,
        ([a, b, asked @ ..], [c, d, written @ ..]) => (a, b) == (d, c) && asked == written,
        _ => false,
    }
}

/// The words of a text in the form in which they are compared: in ASCII, small, without apostrophes.
/// What has no letters and no digits is gone.
pub fn fold(text: &str) -> Vec<String> {
    // Pictures go first: they would become their names.
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\'' | '’' | 'ʼ'))
        .map(|c| {
            if c.is_alphanumeric() {
                c
            } else if unicode_normalization::char::is_combining_mark(c) {
                '\u{301}'
            } else {
                ' '
            }
        })
        .collect();
    // The soft sign becomes an apostrophe.
    let ascii = deunicode::deunicode_with_tofu(&plain, " ").replace(['\'', '`'], "").to_ascii_lowercase();
    ascii
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a folded word is in so many texts that it distinguishes none.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(word)
}

/// What the forms of a folded word have in common, by the Snowball rules of English.
pub fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
}

static STOP_WORDS: LazyLock<HashSet<String>> =
    LazyLock::new(|| stop_words::get("en").iter().flat_map(|word| fold(word)).collect());

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(asked: &str, written: &str) -> Option<Match> {
        let words = Words::parse(asked).unwrap();
        words.terms()[0].find(&fold(written)[0])
    }

    #[test]
    fn folds() {
        assert_eq!(fold("Zoë O'Brien-Łukasik, 2nd"), ["zoe", "obrien", "lukasik", "2nd"]);
        assert_eq!(fold("Zoe\u{308} Ánna"), ["zoe", "anna"]);
        assert_eq!(fold("🎉 … — 👩‍👧"), Vec::<String>::new());
        assert_eq!(fold("Наталья"), ["natalia"]);
    }

    #[test]
    fn forgives_forms_accents_and_one_letter() {
        for (asked, written) in
            [("babysitting", "babysit"), ("experience", "experiences"), ("cafe", "café"), ("Zoë", "zoe")]
        {
            assert_eq!(find(asked, written), Some(Match::Exact), "{asked}");
        }
        for (asked, written) in
            [("monterssori", "Montessori"), ("frech", "French"), ("frnech", "French"), ("frenchh", "French")]
        {
            assert_eq!(find(asked, written), Some(Match::Typo), "{asked}");
        }
        for (asked, written) in
            [("french", "Spanish"), ("cat", "car"), ("montesori", "montana"), ("frnehc", "French")]
        {
            assert_eq!(find(asked, written), None, "{asked}");
        }
    }

    #[test]
    fn tells_what_it_left_out() {
        let words = Words::parse("a sitter with 🎈 the FIRST  first aid").unwrap();
        assert_eq!(words.terms().iter().map(Term::word).collect::<Vec<_>>(), ["sitter", "first", "aid"]);
        assert!(words.ignored().eq(["a", "with", "🎈", "the"]));
        assert_eq!(Words::parse(" 🎈 ").unwrap().terms(), []);
        assert_eq!(Words::parse(&"x".repeat(10_000)).unwrap_err().code, "too_long");
        assert_eq!(Words::parse("a1 b2 c3 d4 e5 f6 g7 h8 i9 j10 k11 l12 m13").unwrap_err().code, "too_many");
        assert_eq!(Words::parse(&"\u{4eb0}\u{5317}".repeat(40)).unwrap().terms().len(), 2);
    }

    #[test]
    fn a_query_of_stop_words_looks_for_a_name() {
        for (asked, names, ignored) in [
            ("Will", vec!["will"], vec![]),
            (" do  DO 🎈", vec!["do"], vec!["🎈"]),
            ("Will Do", vec!["will", "do"], vec![]),
        ] {
            let words = Words::parse(asked).unwrap();
            assert!(words.terms().iter().map(Term::word).eq(names), "{asked}");
            assert!(words.ignored().eq(ignored), "{asked}");
        }
        let nobody = Words::parse("the 🎈 and").unwrap().without_names().unwrap();
        assert_eq!(nobody.terms(), []);
        assert!(nobody.ignored().eq(["the", "🎈", "and"]));
        assert_eq!(Words::parse("🎈").unwrap().without_names(), None);
        assert_eq!(find("Will", "will"), Some(Match::Exact));
        for other in ["willing", "wills", "bill", "wil"] {
            assert_eq!(find("Will", other), None, "{other}");
        }
        // Next to another word, it is not what is looked for.
        let words = Words::parse("will cook").unwrap();
        assert!(words.ignored().eq(["will"]));
        assert_eq!(words.without_names(), None);
    }

    #[test]
    fn the_limit_is_that_of_the_words() {
        let pasted = format!("first\u{A0}{}\u{200B}aid", " ".repeat(1000));
        let words = Words::parse(&pasted).unwrap();
        assert_eq!(words.terms().iter().map(Term::word).collect::<Vec<_>>(), ["first", "aid"]);
    }

    proptest! {
        /// One edit anywhere in a word that is long enough finds it still.
        #[test]
        fn any_single_slip_is_forgiven(word in "[a-z]{5,12}", at in 0usize..12, letter in "[a-z]", kind in 0..4) {
            let at = at % word.len();
            let slip = match kind {
                0 => format!("{}{}", &word[..at], &word[at + 1..]),
                1 => format!("{}{letter}{}", &word[..at], &word[at..]),
                2 => format!("{}{letter}{}", &word[..at], &word[at + 1..]),
                _ if at + 1 < word.len() => {
                    format!("{}{}{}{}", &word[..at], &word[at + 1..at + 2], &word[at..=at], &word[at + 2..])
                }
                _ => word.clone(),
            };
            prop_assume!(!is_stop_word(&slip));
            prop_assert!(find(&slip, &word).is_some(), "{} {}", slip, word);
        }

        /// The look at the length beforehand loses nothing.
        #[test]
        fn nothing_is_lost_by_looking_at_the_length_first(word in "[a-z]{1,24}", other in "[a-z]{0,4}(ing|ed|s|fulness|ization|ational|)") {
            prop_assume!(!is_stop_word(&word));
            let other = format!("{word}{other}");
            let term = Term::new(word);
            prop_assert_eq!(term.find(&other), term.find_stemmed(&other, &stem(&other)));
        }

        /// It is what the table of all edits says.
        #[test]
        fn one_edit_is_one_edit(word in "[a-c]{0,7}", other in "[a-c]{0,7}") {
            let is_one = word.len() >= MIN_CHARS_FOR_TYPO && strsim::osa_distance(&word, &other) == 1;
            prop_assert_eq!(one_apart(&word, &other), is_one);
        }

        #[test]
        fn nothing_typed_breaks_it(raw in ".{0,100}") {
            let Ok(words) = Words::parse(&raw) else { return Ok(()) };
            prop_assert!(words.terms().len() <= MAX_TERMS && words.terms().iter().all(|term| !term.word.is_empty() && term.word.is_ascii()));
        }
    }
}
