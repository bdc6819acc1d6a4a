//! How far the neighbours of hits are from them.

use crate::store::StreamPlace;

/// What the distance of a row depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// Where it stands.
    pub(crate) place: Option<StreamPlace>,
    /// Whether an arm found it.
    pub(crate) is_hit: bool,
    /// Whether it is a hit whose neighbours were read.
    pub(crate) is_middle: bool,
}

/// Steps from each row to the nearest hit whose neighbours were read; 0 for every hit.
pub(crate) fn distances(rows: &[Spot]) -> Vec<i32> {
    let mut distances: Vec<i32> = rows.iter().map(|row| if row.is_hit { 0 } else { i32::MAX }).collect();
    let mut order: Vec<(StreamPlace, usize, bool)> =
        rows.iter().enumerate().filter_map(|(at, row)| Some((row.place?, at, row.is_middle))).collect();
    // The database has sorted them already.
    order.sort_by_key(|(place, _, _)| (place.stream_id, place.position));
    to_the_last(&mut distances, order.iter());
    to_the_last(&mut distances, order.iter().rev());
    distances
}

/// In one direction of the conversations.
fn to_the_last<'r>(distances: &mut [i32], order: impl Iterator<Item = &'r (StreamPlace, usize, bool)>) {
    let mut last: Option<StreamPlace> = None;
    for (place, at, is_middle) in order {
        if *is_middle {
            last = Some(*place);
        }
        if let (Some(middle), Some(distance)) = (last, distances.get_mut(*at))
            && middle.stream_id == place.stream_id
        {
            let steps = i32::try_from(place.position.abs_diff(middle.position)).unwrap_or(i32::MAX);
            *distance = steps.min(*distance);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_nearest_middle_of_the_same_conversation_counts() {
        let row = |(stream, position, is_hit, is_middle): (u128, i32, bool, bool)| Spot {
            place: Some(StreamPlace { stream_id: Uuid::from_u128(stream), position }),
            is_hit,
            is_middle,
        };
        let rows = [
            (1, 5, true, true),
            (2, 5, false, false),
            (1, 3, false, false),
            (1, 9, true, true),
            (1, 8, false, false),
            (1, 6, true, false),
            (2, 7, true, false),
        ];
        let mut rows: Vec<Spot> = rows.into_iter().map(row).collect();
        rows.push(Spot { place: None, is_hit: true, is_middle: true });
        // The second conversation has a hit, but none whose neighbours were read.
        assert_eq!(distances(&rows), [0, i32::MAX, 2, 0, 1, 0, 0, 0]);
    }
}
