//! Single expressions of time: relative days, counted units, dates, months, years …

use super::calendar::{Calendar, Named, Span, Unit, Yearly, decade_of};
use super::grammar::{Moment, Needs, Reader, is_dash};
use super::lexicon::Class;
use super::tokens::Kind;
use crate::text::dates::{Written, counts_things};
use chrono::Datelike;

impl Reader<'_> {
    /// The expression that begins at a token.
    pub(super) fn moment(&self, at: usize) -> Option<Moment> {
        self.in_figures(at)
            .or_else(|| self.relative_day(at))
            .or_else(|| self.ago(at))
            .or_else(|| self.rolling(at))
            .or_else(|| self.stepped(at))
            .or_else(|| self.part_of(at))
            .or_else(|| self.part_of_year(at))
            .or_else(|| self.day_of_month(at))
            .or_else(|| self.yearly(at))
            .or_else(|| self.stepped_behind(at))
            .or_else(|| self.week_of(at))
            .or_else(|| self.weekday(at))
            .or_else(|| self.decade(at))
            .or_else(|| self.year(at))
    }

    fn in_figures(&self, at: usize) -> Option<Moment> {
        if let Kind::Date(written) = self.tokens.get(at)?.kind {
            let named = match written {
                Written::Days(first, last) => Span::new(first, last).map(Named::Span),
                Written::Month(year, month) => Span::months(year, month, 1).map(Named::Span),
                Written::DaysOfMonth(month, first, last) => {
                    Some(Named::Yearly(Yearly::Days(month, first, last), None))
                }
                Written::Year(_) | Written::BareMonth(_) => return None,
            };
            return Some(Moment::certain(named, at + 1));
        }
        // 2023-05
        let year = self.four_figures(at)?;
        let dash = self.mark(at + 1, |mark| mark == '-')?;
        let month = self.tokens.get(dash)?;
        let touches = |at: usize| self.tokens.get(at).is_some_and(|token| !token.spaced);
        match month.kind {
            Kind::Number(month, 2)
                if (1..=12).contains(&month) && touches(at + 1) && touches(dash)
                    // "2023-05-99" is nothing.
                    && !(self.mark(dash + 1, is_dash).is_some() && touches(dash + 1)) =>
            {
                Some(Moment::certain(Span::months(year, month, 1).map(Named::Span), dash + 1))
            }
            _ => None,
        }
    }

    fn relative_day(&self, at: usize) -> Option<Moment> {
        let (offset, next) =
            self.phrase(at, |class| if let Class::Day(offset) = class { Some(offset) } else { None })?;
        // "like yesterday", "por la mañana"
        let is_figure = self.follows(at, |class| class == Class::NotADay);
        (!is_figure).then(|| Moment::certain(self.calendar.day(offset).map(Named::Span), next))
    }

    /// "Three weeks ago", "vor drei Wochen", "a few days ago", "two days from now".
    fn ago(&self, at: usize) -> Option<Moment> {
        if let Some((unit, next)) =
            self.phrase(at, |class| if let Class::OneAgo(unit) = class { Some(unit) } else { None })
        {
            return Some(Moment::certain(self.calendar.unit(unit, -1).map(Named::Span), next));
        }
        if let Some(next) = self.class(at, Class::AgoBefore) {
            let (amount, unit, next) = self.amount(self.skip(next))?;
            return Some(Moment::certain(self.away(amount, unit, true).map(Named::Span), next));
        }
        if self.follows(at, |class| class == Class::Inexact) {
            return None;
        }
        let (amount, unit, next) = self.amount(at)?;
        let (is_past, next) = self.phrase(next, |class| match class {
            Class::Ago => Some(true),
            Class::Later => Some(false),
            _ => None,
        })?;
        Some(Moment::certain(self.away(amount, unit, is_past).map(Named::Span), next))
    }

    fn away(&self, amount: Amount, unit: Unit, is_past: bool) -> Option<Span> {
        match amount {
            Amount::Exactly(count) => self.calendar.unit(unit, if is_past { -count } else { count }),
            Amount::Couple | Amount::Few if !is_past => None,
            Amount::Couple => self.calendar.vaguely_ago(false, unit),
            Amount::Few => self.calendar.vaguely_ago(true, unit),
        }
    }

    fn amount(&self, at: usize) -> Option<(Amount, Unit, usize)> {
        let vague = |at| {
            self.phrase(at, |class| match class {
                Class::Couple => Some(Amount::Couple),
                Class::Few => Some(Amount::Few),
                _ => None,
            })
        };
        let (amount, next) = vague(at)
            // "a couple"
            .or_else(|| vague(self.class(at, Class::Count(1))?))
            .or_else(|| self.count(at).map(|(count, next)| (Amount::Exactly(count), next)))?;
        let (unit, next) = self.unit(self.skip(next))?;
        Some((amount, unit, next))
    }

    /// "The last three weeks", "the past month", "in the last year".
    fn rolling(&self, at: usize) -> Option<Moment> {
        let direction = |at| {
            self.phrase(at, |class| match class {
                Class::Past | Class::Step(-1) => Some(false),
                Class::Step(1) => Some(true),
                _ => None,
            })
        };
        let over = |count, unit, ahead, next| {
            Some(Moment::certain(self.calendar.rolling(count, unit, ahead).map(Named::Span), next))
        };
        if let Some((ahead, next)) = direction(at) {
            let vague = self.phrase(next, |class| match class {
                Class::Couple => Some(2),
                Class::Few => Some(3),
                _ => None,
            });
            if let Some((count, next)) = vague.or_else(|| self.count(next)) {
                let (unit, next) = self.unit(self.skip(next))?;
                return over(count, unit, ahead, next);
            }
            let (unit, after) = self.unit(next)?;
            let is_inside = self.follows(at, |class| class == Class::Owner)
                && at.checked_sub(1).is_some_and(|the| self.follows(the, |class| class == Class::In));
            let is_rolling = self.is(at, Class::Past) && !self.is(at, Class::Step(-1)) || is_inside;
            return if is_rolling && unit != Unit::Weekend && !self.is(after, Class::Of) {
                over(1, unit, ahead, after)
            } else {
                None
            };
        }
        // "les 3 derniers mois"
        let (count, next) = self.count(at)?;
        let (ahead, next) = direction(next)?;
        let (unit, next) = self.unit(next)?;
        over(count, unit, ahead, next)
    }

    /// "Last week", "this spring", "next Friday", "last Christmas".
    fn stepped(&self, at: usize) -> Option<Moment> {
        let (step, next) =
            self.phrase(at, |class| if let Class::Step(step) = class { Some(step) } else { None })?;
        if step != 0 && self.follows(at, |class| class == Class::Owner) {
            return None;
        }
        self.step_of(next, step)
    }

    fn step_of(&self, at: usize, step: i64) -> Option<Moment> {
        if let Some((unit, next)) = self.unit(at) {
            // "the last week of the course"
            let is_of_another = step != 0 && self.is(next, Class::Of);
            let span = self.calendar.unit(unit, step).map(Named::Span);
            return (!is_of_another).then(|| Moment::certain(span, next));
        }
        if let Some((weekday, next)) = self.weekday_name(at) {
            let span = match step {
                0 => self.calendar.weekday_of_week(weekday, 0),
                -1 | 1 => self.calendar.weekday(weekday, step > 0),
                step => self.calendar.weekday_of_week(weekday, step),
            };
            return Some(Moment::certain(span.map(Named::Span), next));
        }
        let (yearly, next) = self.yearly_name(at)?;
        if let Some((year, next)) = self.year_behind(next) {
            return Some(Moment::certain(yearly.of(year).map(Named::Span), next));
        }
        let span = Named::Yearly(yearly, None).stepped(self.calendar.today, step);
        Some(Moment::certain(span.map(Named::Span), next))
    }

    /// "La semana pasada", "lundi dernier", "the week before last".
    fn stepped_behind(&self, at: usize) -> Option<Moment> {
        let noun = self.unit(at).map(|(_, next)| next);
        let noun = noun.or_else(|| self.weekday_name(at).map(|(_, next)| next));
        let next = noun.or_else(|| self.yearly_name(at).map(|(_, next)| next))?;
        let (step, behind) =
            self.phrase(next, |class| if let Class::StepAfter(step) = class { Some(step) } else { None })?;
        let moment = self.step_of(at, step)?;
        (moment.next == next).then_some(Moment { next: behind, ..moment })
    }

    /// "Early May 2023", "the end of last month", "the start of the year".
    fn part_of(&self, at: usize) -> Option<Moment> {
        let (part, next) =
            self.phrase(at, |class| if let Class::Part(part) = class { Some(part) } else { None })?;
        let next = self.mark(next, is_dash).or_else(|| self.class(next, Class::In)).unwrap_or(next);
        let next = self.skip(next);
        if let Some(moment) = self.moment(next) {
            if moment.needs == Needs::Day {
                return None;
            }
            let named = moment.named.and_then(|named| named.with_part(part));
            return Some(Moment::certain(named, moment.next));
        }
        // Only "the start of the year", not "start year".
        let (unit, behind) =
            self.unit(next).filter(|_| self.follows(next, |class| class == Class::Filler))?;
        let span = self.calendar.unit(unit, 0).and_then(|span| span.part(part));
        (unit != Unit::Day && !self.is(behind, Class::Of))
            .then(|| Moment::certain(span.map(Named::Span), behind))
    }

    /// "Q3 2024", "the third quarter of 2023", "H1 2023".
    fn part_of_year(&self, at: usize) -> Option<Moment> {
        let (yearly, next) = self.quarter_or_half(at)?;
        if let Some((year, next)) = self.year_behind(next) {
            return Some(Moment::certain(yearly.of(year).map(Named::Span), next));
        }
        // "the first half of the match"
        let is_short = matches!(self.tokens.get(at + 1)?.kind, Kind::Number(..));
        let next = match (is_short, self.class(next, Class::Of)) {
            (false, Some(of)) => {
                let (span, next) = self.running_year(self.skip(of))?;
                return Some(Moment::certain(yearly.of(span.first.year()).map(Named::Span), next));
            }
            _ => next,
        };
        let needs =
            if is_short && matches!(yearly, Yearly::Quarter(_)) { Needs::Nothing } else { Needs::Period };
        let is_half = matches!(yearly, Yearly::Half(_));
        (!is_half || is_short).then(|| Moment::needing(needs, Some(Named::Yearly(yearly, None)), next))
    }

    /// "This year", "last year", "the year".
    fn running_year(&self, at: usize) -> Option<(Span, usize)> {
        if let Some(moment) = self.stepped(at).or_else(|| self.stepped_behind(at)) {
            let span = moment.named?.seen_from(self.calendar.today, false)?;
            return (Span::year(span.first.year()) == Some(span)).then_some((span, moment.next));
        }
        let (unit, next) = self.unit(at)?;
        (unit == Unit::Year).then_some((self.calendar.unit(unit, 0)?, next))
    }

    fn quarter_or_half(&self, at: usize) -> Option<(Yearly, usize)> {
        if let Kind::Word(letter) = &self.tokens.get(at)?.kind
            && let Some(Kind::Number(number, 1)) = self.tokens.get(at + 1).map(|token| &token.kind)
            && !self.tokens.get(at + 1)?.spaced
        {
            return match (letter.as_str(), *number) {
                ("q", quarter @ 1..=4) => Some((Yearly::Quarter(quarter), at + 2)),
                ("h", half @ 1..=2) => Some((Yearly::Half(half), at + 2)),
                _ => None,
            };
        }
        let (number, next) = self
            .phrase(at, |class| if let Class::Ordinal(number) = class { Some(number) } else { None })
            .or_else(|| match self.tokens.get(at)?.kind {
                Kind::Number(number, 1) => Some((number, self.ordinal_suffix(at + 1)?)),
                _ => None,
            })?;
        if self.class(next, Class::Half).is_some() {
            return (1..=2).contains(&number).then_some((Yearly::Half(number), next + 1));
        }
        let (unit, next) = self.unit(next)?;
        (unit == Unit::Quarter && (1..=4).contains(&number)).then_some((Yearly::Quarter(number), next))
    }

    /// "8 May 2023", "May 8-10", "3 de mayo", "from 3 to 7 May".
    fn day_of_month(&self, at: usize) -> Option<Moment> {
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
        let Kind::Number(day, 1..=2) = self.tokens.get(at)?.kind else { return None };
        // The end of "2023-05" or "3.14" is no day.
        let is_part = !self.tokens.get(at)?.spaced
            && at.checked_sub(1).is_some_and(|before| {
                self.mark(before, |mark| matches!(mark, '.' | ',' | ':' | '/')).is_some()
            });
        let next = self.ordinal_suffix(at + 1).unwrap_or(at + 1);
        ((1..=31).contains(&day) && !is_part).then_some((day, next))
    }

    fn ordinal_suffix(&self, at: usize) -> Option<usize> {
        if self.tokens.get(at)?.spaced {
            return None;
        }
        self.class(at, Class::OrdinalSuffix).or_else(|| self.mark(at, |mark| mark == '.'))
    }

    /// A month, season or holiday, with its year or without.
    fn yearly(&self, at: usize) -> Option<Moment> {
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

    fn yearly_name(&self, at: usize) -> Option<(Yearly, usize)> {
        self.phrase(at, |class| match class {
            Class::Month(month) => Some(Yearly::Month(month)),
            Class::Season(season) => Some(Yearly::Season(season)),
            Class::Holiday(month, day) => Some(Yearly::Days(month, day, day)),
            _ => None,
        })
    }

    fn month_name(&self, at: usize) -> Option<(u32, usize)> {
        self.phrase(at, |class| if let Class::Month(month) = class { Some(month) } else { None })
    }

    /// "The week of May 8".
    fn week_of(&self, at: usize) -> Option<Moment> {
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

    fn weekday(&self, at: usize) -> Option<Moment> {
        let (weekday, next) = self.weekday_name(at)?;
        // "on Monday, 8 May 2023": the date says it better.
        let behind = self.skip(self.mark(next, |mark| mark == ',').unwrap_or(next));
        if let Some(date) = self.in_figures(behind).or_else(|| self.day_of_month(behind)) {
            return Some(Moment { needs: Needs::Nothing, ..date });
        }
        let named = self.calendar.weekday(weekday, self.ahead).map(Named::Span);
        Some(Moment { is_weekday: true, ..Moment::needing(Needs::Day, named, next) })
    }

    fn weekday_name(&self, at: usize) -> Option<(chrono::Weekday, usize)> {
        self.phrase(at, |class| if let Class::Weekday(weekday) = class { Some(weekday) } else { None })
    }

    /// "The 1990s", "the 90s", "die 90er", "los años 90".
    fn decade(&self, at: usize) -> Option<Moment> {
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
    fn year(&self, at: usize) -> Option<Moment> {
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
    fn year_behind(&self, at: usize) -> Option<(i32, usize)> {
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
    fn four_figures(&self, at: usize) -> Option<i32> {
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

/// How many units.
#[derive(Clone, Copy)]
enum Amount {
    Exactly(i64),
    Couple,
    Few,
}
