//! The one grammar: how expressions of time are put together, whatever the language.
//!
//! [`Reader::find`] goes through a query from the left; the first expression that is
//! certainly a time decides. What needs an introducing word ("in May", "on Friday") is no
//! time without one.

use super::calendar::{Calendar, Found, Named, Span, Unit, range};
use super::lexicon::{Class, Lexicon};
use super::tokens::{Kind, Token};

/// A query in the eyes of one language.
pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) calendar: Calendar,
    /// The query looks ahead.
    pub(super) ahead: bool,
    /// For each token the phrases that may begin with it.
    phrases: Vec<&'a [(Vec<&'static str>, Class)]>,
}

/// What must introduce an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// A word that goes with months, seasons and years.
    Period,
    /// The same, but "by June" is a person.
    Name,
    /// A word that goes with years only.
    Year,
    /// A word that goes with days.
    Day,
}

/// An expression that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// None for a date that does not exist: still the time the query asks about.
    pub(super) named: Option<Named>,
    pub(super) needs: Needs,
    /// A weekday without a date.
    pub(super) is_weekday: bool,
    /// The first token behind it.
    pub(super) next: usize,
}

impl Moment {
    pub(super) fn certain(named: Option<Named>, next: usize) -> Self {
        Self::needing(Needs::Nothing, named, next)
    }

    pub(super) fn needing(needs: Needs, named: Option<Named>, next: usize) -> Self {
        Self { named, needs, is_weekday: false, next }
    }
}

/// The words before an expression that say how it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    In,
    At,
    Of,
    Since,
    Until,
    By,
    Before,
    After,
    Between,
    From,
}

impl Lead {
    fn of(class: Class) -> Option<Self> {
        Some(match class {
            Class::In => Self::In,
            Class::At => Self::At,
            Class::Of => Self::Of,
            Class::Since => Self::Since,
            Class::Until => Self::Until,
            Class::By => Self::By,
            Class::Before => Self::Before,
            Class::After => Self::After,
            Class::Between => Self::Between,
            Class::From => Self::From,
            _ => return None,
        })
    }

    fn introduces(self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Period => !matches!(self, Self::At | Self::From | Self::Between),
            Needs::Name => !matches!(self, Self::At | Self::From | Self::Between | Self::By),
            Needs::Year => !matches!(self, Self::At | Self::Between),
            Needs::Day => !matches!(self, Self::Of | Self::Between),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token], lexicon: &'a Lexicon, calendar: Calendar) -> Self {
        let phrases = tokens.iter().map(|token| match &token.kind {
            Kind::Word(word) => lexicon.phrases(word),
            _ => &[],
        });
        let mut reader = Self { tokens, calendar, ahead: false, phrases: phrases.collect() };
        reader.ahead = (0..tokens.len()).any(|at| reader.is(at, Class::Ahead));
        reader
    }

    /// The first expression; inside it None for a time that cannot be.
    pub(super) fn find(&self) -> Option<Found> {
        (0..self.tokens.len()).find_map(|at| self.expression(at))
    }

    fn expression(&self, at: usize) -> Option<Found> {
        if let Some(span) = self.distance_from_another(at) {
            return Some(span);
        }
        // A phrase may introduce in more than one way: German "vor" is "before" and "ago".
        if let Some(moment) = self.moment(at)
            && let Some(span) = self.introduced(None, moment)
        {
            return Some(span);
        }
        let leads = self.phrases.get(at)?.iter().filter_map(|(rest, class)| {
            let next = self.behind(at, rest)?;
            Some((Lead::of(*class)?, next))
        });
        leads.into_iter().find_map(|(lead, next)| {
            let from = self.skip(next);
            match self.moment(from) {
                Some(moment) => self.introduced(Some(lead), moment),
                // "seit zwei Wochen"
                None if lead == Lead::Since => {
                    let (count, next) = self.count(from)?;
                    let (unit, _) = self.unit(next)?;
                    Some(self.calendar.rolling(count, unit, false))
                }
                None => None,
            }
        })
    }

    /// "Two weeks before Christmas", "the day after May 3": the unit that lies so far off.
    fn distance_from_another(&self, at: usize) -> Option<Found> {
        let (count, next) = match self.count(at) {
            Some(counted) => counted,
            // "The years after 2020" are many.
            None if self.word(at).is_some_and(|word| word.ends_with('s')) => return None,
            None => (1, at),
        };
        let (unit, next) = self.unit(next)?;
        let before = self.phrase(next, |class| (class == Class::Before).then_some(true));
        let (is_before, next) =
            before.or_else(|| self.phrase(next, |class| (class == Class::After).then_some(false)))?;
        let moment = self.moment(self.skip(next))?;
        Some(moment.named.and_then(|named| {
            let from = named.seen_from(self.calendar.today, self.ahead)?;
            let (today, step) = if is_before { (from.first, -count) } else { (from.last, count) };
            Calendar { today }.unit(unit, step)
        }))
    }

    /// The days meant by a moment behind such a word; None when it is no time there.
    fn introduced(&self, lead: Option<Lead>, moment: Moment) -> Option<Found> {
        let today = self.calendar.today;
        if let Some(other) = self.range_end(lead, moment.next)
            && (lead.is_some() || moment.needs == Needs::Nothing || other.needs == Needs::Nothing)
        {
            return Some(moment.named.zip(other.named).and_then(|(from, to)| {
                let from = if moment.is_weekday { from.week_before_unless_first(to) } else { from };
                range(from, to, today, self.ahead)
            }));
        }
        let is_onward = lead == Some(Lead::From) && self.is(moment.next, Class::Onward);
        let introduced = lead.map_or(moment.needs == Needs::Nothing, |lead| lead.introduces(moment.needs));
        if !(introduced || is_onward) {
            return None;
        }
        // "más de 2000 personas"
        if moment.needs == Needs::Year
            && matches!(lead, Some(Lead::From | Lead::Of))
            && self.word(moment.next).is_some()
            && self.phrases.get(moment.next).is_some_and(|phrases| phrases.is_empty())
        {
            return None;
        }
        let seen = |ahead| moment.named.and_then(|named| named.seen_from(today, ahead));
        Some(match lead {
            Some(Lead::Since) => seen(false).and_then(|span| Span::new(span.first, today)),
            Some(Lead::From) if is_onward => seen(false).and_then(|span| Span::new(span.first, today)),
            Some(Lead::Until | Lead::By) => seen(self.ahead).and_then(|span| Span::until(span.last)),
            Some(Lead::Before) => seen(self.ahead).and_then(|span| Span::until(span.first.pred_opt()?)),
            Some(Lead::After) => seen(self.ahead).and_then(|span| {
                let first = span.last.succ_opt()?;
                if first <= today { Span::new(first, today) } else { Span::onward(first) }
            }),
            _ => seen(self.ahead),
        })
    }

    /// The other end of a range.
    fn range_end(&self, lead: Option<Lead>, at: usize) -> Option<Moment> {
        let by_word = || {
            self.phrase(at, |class| match class {
                Class::And => (lead == Some(Lead::Between)).then_some(()),
                Class::To => Some(()),
                Class::Until => matches!(lead, Some(Lead::From)).then_some(()),
                _ => None,
            })
            .map(|((), next)| next)
        };
        let next = self.mark(at, is_dash).or_else(by_word)?;
        self.moment(self.skip(next))
    }

    /// A number of units; nothing when it is only a bound or part of another number.
    pub(super) fn count(&self, at: usize) -> Option<(i64, usize)> {
        let token = self.tokens.get(at)?;
        if let Kind::Number(count, _) = token.kind {
            let is_part = !token.spaced
                && at.checked_sub(1).is_some_and(|before| self.mark(before, is_opening).is_none());
            return (!is_part).then_some((i64::from(count), at + 1));
        }
        let (count, next) = self.counted(at)?;
        match self.counted(next) {
            // "twenty five"
            Some((ones, next)) if count >= 20 && count % 10 == 0 && ones < 10 => Some((count + ones, next)),
            _ => Some((count, next)),
        }
    }

    fn counted(&self, at: usize) -> Option<(i64, usize)> {
        self.phrase(at, |class| if let Class::Count(count) = class { Some(i64::from(count)) } else { None })
    }

    pub(super) fn unit(&self, at: usize) -> Option<(Unit, usize)> {
        self.phrase(at, |class| if let Class::Unit(unit) = class { Some(unit) } else { None })
    }

    /// The first reading of the longest phrase that has one, and the token behind it.
    pub(super) fn phrase<T>(&self, at: usize, read: impl Fn(Class) -> Option<T>) -> Option<(T, usize)> {
        self.phrases.get(at)?.iter().find_map(|(rest, class)| Some((read(*class)?, self.behind(at, rest)?)))
    }

    /// True when a phrase of the class stands there.
    pub(super) fn is(&self, at: usize, class: Class) -> bool {
        self.phrase(at, |found| (found == class).then_some(())).is_some()
    }

    /// The token behind a phrase of the class.
    pub(super) fn class(&self, at: usize, class: Class) -> Option<usize> {
        self.phrase(at, |found| (found == class).then_some(())).map(|((), next)| next)
    }

    /// True when the word before has the class.
    pub(super) fn follows(&self, at: usize, fits: impl Fn(Class) -> bool) -> bool {
        at.checked_sub(1).is_some_and(|before| {
            self.phrase(before, |class| fits(class).then_some(())).is_some_and(|((), next)| next == at)
        })
    }

    /// The token behind a mark.
    pub(super) fn mark(&self, at: usize, fits: impl Fn(char) -> bool) -> Option<usize> {
        matches!(self.tokens.get(at)?.kind, Kind::Mark(mark) if fits(mark)).then_some(at + 1)
    }

    /// Past articles, "of" and "about".
    pub(super) fn skip(&self, mut at: usize) -> usize {
        while let Some(((), next)) =
            self.phrase(at, |class| matches!(class, Class::Filler | Class::Of | Class::About).then_some(()))
        {
            at = next;
        }
        at
    }

    pub(super) fn word(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The token behind the rest of a phrase whose first word stands at `at`.
    fn behind(&self, at: usize, rest: &[&str]) -> Option<usize> {
        let mut next = at + 1;
        for expected in rest {
            // "avant-hier"
            if let Some(joined) = self.mark(next, |mark| mark == '-') {
                next = joined;
            }
            if !matches!(&self.tokens.get(next)?.kind, Kind::Word(word) if word == expected) {
                return None;
            }
            next += 1;
        }
        Some(next)
    }
}

fn is_opening(mark: char) -> bool {
    matches!(mark, '(' | '"' | '“' | '«')
}

pub(super) fn is_dash(mark: char) -> bool {
    matches!(mark, '-' | '–' | '—' | '~')
}
