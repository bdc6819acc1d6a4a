//! Just enough of the protocol buffer encoding to change a model file: fields in, fields out.

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    /// Text, bytes, packed numbers or another message.
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
}

impl<'a> Field<'a> {
    /// The bytes of the field, if it is number `number` and holds some.
    pub(super) fn bytes(&self, number: u32) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }

    /// The text of the field, if it is number `number` and holds some.
    pub(super) fn text(&self, number: u32) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(number)?).ok()
    }
}

/// The fields of a message in their order; `None` when it is not one.
pub(super) fn fields(mut message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut message)?),
            1 => Value::Fixed64(fixed(&mut message)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(length)?;
                message = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(fixed(&mut message)?),
            _ => return None,
        };
        fields.push(Field { number: u32::try_from(key >> 3).ok()?, value });
    }
    Some(fields)
}

/// The numbers of a packed field, or of a single one.
pub(super) fn numbers(value: Value<'_>) -> Option<Vec<u64>> {
    match value {
        Value::Varint(number) => Some(vec![number]),
        Value::Bytes(mut packed) => {
            let mut numbers = Vec::new();
            while !packed.is_empty() {
                numbers.push(varint(&mut packed)?);
            }
            Some(numbers)
        }
        Value::Fixed32(_) | Value::Fixed64(_) => None,
    }
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn fixed<const N: usize>(message: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = message.split_first_chunk()?;
    *message = rest;
    Some(*bytes)
}

/// A message being written.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    pub(super) fn field(&mut self, field: Field<'_>) -> &mut Self {
        match field.value {
            Value::Varint(number) => self.number(field.number, number),
            Value::Bytes(bytes) => self.bytes(field.number, bytes),
            Value::Fixed32(bytes) => self.key(field.number, 5).raw(&bytes),
            Value::Fixed64(bytes) => self.key(field.number, 1).raw(&bytes),
        }
    }

    pub(super) fn number(&mut self, field: u32, number: u64) -> &mut Self {
        self.key(field, 0).varint(number)
    }

    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) -> &mut Self {
        self.key(field, 2).varint(bytes.len() as u64).raw(bytes)
    }

    pub(super) fn text(&mut self, field: u32, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    fn key(&mut self, field: u32, kind: u64) -> &mut Self {
        self.varint(u64::from(field) << 3 | kind)
    }

    fn varint(&mut self, mut number: u64) -> &mut Self {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                self.0.push(low);
                return self;
            }
            self.0.push(low | 0x80);
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_is_written_as_it_was_read() {
        let mut message = Message::default();
        message.number(1, 0).number(200, u64::MAX).text(3, "text").bytes(4, &[7; 300]);
        message.field(Field { number: 5, value: Value::Fixed32([1, 2, 3, 4]) });
        message.field(Field { number: 6, value: Value::Fixed64([9; 8]) });
        let mut again = Message::default();
        let read = fields(&message.0).unwrap();
        for field in &read {
            again.field(*field);
        }
        assert_eq!(again.0, message.0);
        assert_eq!(read[2].text(3), Some("text"));
        assert_eq!(read[1].value, Value::Varint(u64::MAX));
    }

    #[test]
    fn a_cut_message_is_none() {
        let mut message = Message::default();
        message.number(1, 300).bytes(2, b"bytes");
        for length in [1, 2, 4, 7] {
            assert_eq!(fields(&message.0[..length]), None, "{length}");
        }
        assert_eq!(fields(&[0xff; 12]), None);
    }
}
