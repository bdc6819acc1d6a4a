//! Expressions of time relative to today and parts of longer times; what has a name or a
//! number of its own is in `dated`.

use chrono::Datelike;

use super::calendar::{Named, Span, Unit, Yearly};
use super::grammar::{Moment, Needs, Reader, is_dash};
use super::lexicon::Class;
use super::tokens::Kind;
use crate::text::dates::Written;

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
            .or_else(|| self.stepped_behind(at))
            .or_else(|| self.yearly(at))
            .or_else(|| self.week_of(at))
            .or_else(|| self.weekday(at))
            .or_else(|| self.decade(at))
            .or_else(|| self.year(at))
    }

    pub(super) fn in_figures(&self, at: usize) -> Option<Moment> {
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
    pub(super) fn stepped(&self, at: usize) -> Option<Moment> {
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
    pub(super) fn stepped_behind(&self, at: usize) -> Option<Moment> {
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
}

/// How many units.
#[derive(Clone, Copy)]
enum Amount {
    Exactly(i64),
    Couple,
    Few,
}
