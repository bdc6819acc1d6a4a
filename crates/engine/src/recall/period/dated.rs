//! Dates, months, seasons, holidays, weekdays, years and decades by their names and numbers.

use chrono::Datelike;

use super::calendar::{Calendar, Named, Span, Unit, Yearly, decade_of};
use super::grammar::{Moment, Needs, Reader, is_dash};
use super::lexicon::Class;
use super::tokens::Kind;
use crate::text::dates::counts_things;

impl Reader<'_> {
    /// "8 May 2023", "May 8-10", "3 de mayo", "from 3 to 7 May".
    pub(super) fn day_of_month(&self, at: usize) -> Option<Moment> {
        let (month, first, last, next, month_at) =
            self.day_then_month(at).or_else(|| self.month_then_day(at))?;
        let named = Yearly::Days(month, first, last);
        if let Some((year, next)) = self.year_behind(next) {
            return Some(Moment::certain(named.of(year).map(Named::Span), next));
        }
        let is_counting = self.unit(next).is_some() || self.word(next).is_some_and(counts_things);
        let is_doubtful = self.is_also_a_verb(month_at) && !self.tokens.get(month_at)?.capital;
        let needs = if is_doubtful { Needs::Day } else { Needs::Nothing };
        let named = named.exists().then_some(Named::Yearly(named, None));
        (!is_counting).then(|| Moment::needing(needs, named, next))
    }

    fn day_then_month(&self, at: usize) -> Option<(u32, u32, u32, usize, usize)> {
        let (first, next) = self.day_number(at)?;
        let to = self.mark(next, is_dash).or_else(|| {
            self.phrase(next, |class| matches!(class, Class::To | Class::And | Class::Until).then_some(()))
                .map(|((), next)| next)
        });
        let ranged = to.and_then(|to| self.day_number(self.skip(to)));
        let (last, next) = ranged.unwrap_or((first, next));
        let month_at = self.skip(next);
        let (month, next) = self.month_name(month_at)?;
        Some((month, first, last, next, month_at))
    }

    fn month_then_day(&self, at: usize) -> Option<(u32, u32, u32, usize, usize)> {
        let (month, next) = self.month_name(at)?;
        let (first, next) =
            self.day_number(self.skip(self.mark(next, |mark| mark == '.').unwrap_or(next)))?;
        let to = self.mark(next, is_dash).or_else(|| self.class(next, Class::To));
        // "May 3 to June 7" is a range of two dates.
        let ranged = to
            .and_then(|to| self.day_number(self.skip(to)))
            .filter(|(_, next)| self.month_name(self.skip(*next)).is_none());
        let (last, next) = ranged.unwrap_or((first, next));
        Some((month, first, last, next, at))
    }

    fn day_number(&self, at: usize) -> Option<(u32, usize)> {
        let Kind::Number(day, 1..=2) = self.tokens.get(at).filter(|token| !token.quoted)?.kind else {
            return None;
        };
        // The end of "2023-05" or "3.14" is no day.
        let is_part = !self.tokens.get(at)?.spaced
            && at.checked_sub(1).is_some_and(|before| {
                self.mark(before, |mark| matches!(mark, '.' | ',' | ':' | '/')).is_some()
            });
        let next = self.ordinal_suffix(at + 1).unwrap_or(at + 1);
        ((1..=31).contains(&day) && !is_part).then_some((day, next))
    }

    pub(super) fn ordinal_suffix(&self, at: usize) -> Option<usize> {
        if self.tokens.get(at)?.spaced {
            return None;
        }
        self.class(at, Class::OrdinalSuffix).or_else(|| self.mark(at, |mark| mark == '.'))
    }

    /// A month, season or holiday, with its year or without.
    pub(super) fn yearly(&self, at: usize) -> Option<Moment> {
        let (yearly, next) = self.yearly_name(at)?;
        if let Some((year, next)) = self.year_behind(next) {
            return Some(Moment::certain(yearly.of(year).map(Named::Span), next));
        }
        let is_of_someone = self.tokens.get(next).is_some_and(|token| token.quoted);
        let is_verb = self.is_also_a_verb(at) && self.is(next, Class::Pronoun);
        let needs = match yearly {
            Yearly::Days(..) => Needs::Day,
            _ if self.word(at).is_some_and(is_also_a_name) => Needs::Name,
            _ => Needs::Period,
        };
        let named = Some(Named::Yearly(yearly, None));
        (!(is_verb || is_of_someone)).then(|| Moment::needing(needs, named, next))
    }

    pub(super) fn yearly_name(&self, at: usize) -> Option<(Yearly, usize)> {
        self.phrase(at, |class| match class {
            Class::Month(month) => Some(Yearly::Month(month)),
            Class::Season(season) => Some(Yearly::Season(season)),
            Class::Holiday(month, day) => Some(Yearly::Days(month, day, day)),
            _ => None,
        })
    }

    pub(super) fn month_name(&self, at: usize) -> Option<(u32, usize)> {
        self.phrase(at, |class| if let Class::Month(month) = class { Some(month) } else { None })
    }

    /// "The week of May 8".
    pub(super) fn week_of(&self, at: usize) -> Option<Moment> {
        let (unit, next) = self.unit(at)?;
        if !matches!(unit, Unit::Week | Unit::Weekend)
            || self.follows(at, |class| matches!(class, Class::Step(_) | Class::Ordinal(_) | Class::Past))
        {
            return None;
        }
        let moment = self.day_of_month(self.skip(self.class(next, Class::Of)?))?;
        let span = moment.named.and_then(|named| {
            let today = named.seen_from(self.calendar.today, self.ahead)?.first;
            Calendar { today }.unit(unit, 0)
        });
        Some(Moment::certain(span.map(Named::Span), moment.next))
    }

    pub(super) fn weekday(&self, at: usize) -> Option<Moment> {
        let (weekday, next) = self.weekday_name(at)?;
        // "on Monday, 8 May 2023": the date says it better.
        let behind = self.skip(self.mark(next, |mark| mark == ',').unwrap_or(next));
        if let Some(date) = self.in_figures(behind).or_else(|| self.day_of_month(behind)) {
            return Some(Moment { needs: Needs::Nothing, ..date });
        }
        let named = self.calendar.weekday(weekday, self.ahead).map(Named::Span);
        Some(Moment { is_weekday: true, ..Moment::needing(Needs::Day, named, next) })
    }

    pub(super) fn weekday_name(&self, at: usize) -> Option<(chrono::Weekday, usize)> {
        self.phrase(at, |class| if let Class::Weekday(weekday) = class { Some(weekday) } else { None })
    }

    /// "The 1990s", "the 90s", "die 90er", "los años 90".
    pub(super) fn decade(&self, at: usize) -> Option<Moment> {
        let word = self.class(at, Class::DecadeWord);
        let number_at = word.map_or(at, |next| self.skip(next));
        let (number, figures) = match self.tokens.get(number_at)?.kind {
            Kind::Number(number, figures @ (2 | 4)) if number % 10 == 0 => {
                (i32::try_from(number).ok()?, figures)
            }
            _ => return None,
        };
        let suffix = self.mark(number_at + 1, |mark| mark == '-').unwrap_or(number_at + 1);
        let suffixed = self
            .class(suffix, Class::DecadeSuffix)
            .filter(|_| !self.tokens.get(suffix).is_none_or(|token| token.spaced));
        let next = match (suffixed, word) {
            (Some(next), _) => next,
            (None, Some(_)) if figures == 2 => number_at + 1,
            _ => return None,
        };
        let year = match figures {
            4 => number,
            // "in her 90s" is an age.
            _ if word.is_none() && !self.is_the_decade(at) => return None,
            _ => {
                let this = self.calendar.today.year();
                let year = this - this.rem_euclid(100) + number;
                if year > this { year - 100 } else { year }
            }
        };
        Some(Moment::certain(decade_of(year).map(Named::Span), next))
    }

    fn is_the_decade(&self, at: usize) -> bool {
        let is_the = |at| self.follows(at, |class| class == Class::Filler);
        let before = at.saturating_sub(1);
        // "the mid-90s", but not "in her early 90s"
        let part = if self.mark(before, is_dash).is_some() { before } else { at };
        self.tokens.get(at).is_some_and(|token| token.quoted)
            || is_the(at)
            || (self.follows(part, |class| matches!(class, Class::Part(_))) && is_the(part.saturating_sub(1)))
    }

    /// "2022", which needs a word before it, and "year 2022", which does not.
    pub(super) fn year(&self, at: usize) -> Option<Moment> {
        let word = self.class(at, Class::YearWord);
        let number_at = word.unwrap_or(at);
        let year = self.four_figures(number_at)?;
        let this = self.calendar.today.year();
        let is_alone = self
            .tokens
            .iter()
            .enumerate()
            .all(|(other, token)| other == number_at || matches!(token.kind, Kind::Mark(_)));
        let next = number_at + 1;
        let counts = self.word(next).is_some_and(counts_things) && !self.tokens.get(next)?.quoted;
        if !(this - 120..=this + 20).contains(&year) || counts {
            return None;
        }
        let needs = if word.is_some() || is_alone { Needs::Nothing } else { Needs::Year };
        // "2022 года"
        let next = self.class(next, Class::YearWord).unwrap_or(next);
        Some(Moment::needing(needs, Span::year(year).map(Named::Span), next))
    }

    /// The year that belongs to what stands before: four figures, "'23", "of last year".
    pub(super) fn year_behind(&self, at: usize) -> Option<(i32, usize)> {
        let at = self.mark(at, |mark| matches!(mark, '.' | ',')).unwrap_or(at);
        let number_at = self.skip(at);
        if let Some(year) = self.four_figures(number_at) {
            let next = number_at + 1;
            return Some((year, self.class(next, Class::YearWord).unwrap_or(next)));
        }
        let token = self.tokens.get(number_at)?;
        if let (Kind::Number(year, 2), true) = (&token.kind, token.quoted) {
            return Some((2000 + i32::try_from(*year).ok()?, number_at + 1));
        }
        let (span, next) = self
            .stepped(number_at)
            .or_else(|| self.stepped_behind(number_at))
            .and_then(|moment| Some((moment.named?.seen_from(self.calendar.today, false)?, moment.next)))?;
        (Span::year(span.first.year()) == Some(span)).then_some((span.first.year(), next))
    }

    /// A number of four figures that is no part of another one.
    pub(super) fn four_figures(&self, at: usize) -> Option<i32> {
        let Kind::Number(year, 4) = self.tokens.get(at)?.kind else { return None };
        let touches = |at: usize| self.tokens.get(at).is_some_and(|token| !token.spaced && !token.quoted);
        let joins = |at: usize| {
            self.mark(at, |mark| matches!(mark, '.' | ',' | ':' | '/' | '$' | '€' | '#')).is_some()
        };
        let is_part = touches(at)
            && at.checked_sub(1).is_some_and(|before| {
                joins(before)
                    || matches!(self.tokens.get(before), Some(token) if !matches!(token.kind, Kind::Mark(_)))
            });
        let goes_on = touches(at + 1)
            && (matches!(self.tokens.get(at + 1), Some(token) if !matches!(token.kind, Kind::Mark(_)))
                || (joins(at + 1) && touches(at + 2)));
        (!is_part && !goes_on).then(|| i32::try_from(year).ok())?
    }

    fn is_also_a_verb(&self, at: usize) -> bool {
        self.word(at).is_some_and(|word| matches!(word, "may" | "march" | "mar"))
    }
}

fn is_also_a_name(month: &str) -> bool {
    matches!(month, "april" | "may" | "june" | "august")
}
