//! Checks UTF-8 as it comes in, so that a text that can't become valid is refused at its first wrong byte.

/// The state between two pieces: the beginning of a character that was cut off.
#[derive(Debug, Default, Clone)]
pub(super) struct Utf8 {
    cut: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Checks the next piece. `false`: whatever follows, this is not UTF-8.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> bool {
        while self.len > 0 {
            let Some((next, rest)) = piece.split_first() else {
                return true;
            };
            self.cut[usize::from(self.len)] = *next;
            self.len += 1;
            piece = rest;
            match std::str::from_utf8(&self.cut[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return true;
        };
        if error.error_len().is_some() {
            return false;
        }
        let cut = &piece[error.valid_up_to()..];
        self.cut[..cut.len()].copy_from_slice(cut);
        self.len = u8::try_from(cut.len()).expect("a character has at most four bytes");
        true
    }

    /// Whether no character is cut off.
    pub(super) fn is_complete(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_judged_as_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..24), size in 1..5_usize) {
            let mut utf8 = Utf8::default();
            let valid = bytes.chunks(size).all(|piece| utf8.feed(piece)) && utf8.is_complete();
            prop_assert_eq!(valid, std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn texts_pass(text in "\\PC{0,12}", size in 1..5_usize) {
            let mut utf8 = Utf8::default();
            prop_assert!(text.as_bytes().chunks(size).all(|piece| utf8.feed(piece)));
            prop_assert!(utf8.is_complete());
        }
    }

    #[test]
    fn the_first_wrong_byte_is_enough() {
        let mut utf8 = Utf8::default();
        assert!(utf8.feed(&[0xf4]));
        assert!(!utf8.feed(&[0x90]), "above U+10FFFF");
    }
}
