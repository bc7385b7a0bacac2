//! Kinds of things that are counted: an enum whose every variant says what it means, and a counter for each.

/// Defines both from one list.
macro_rules! kinds {
    (
        $(#[doc = $enum_text:literal])+ $kind:ident,
        $(#[doc = $counts_text:literal])+ $counts:ident,
        $($name:ident = $text:literal),+ $(,)?
    ) => {
        $(#[doc = $enum_text])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $kind {
            $(#[doc = $text] $name,)+
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What it means, for a person.
            pub const fn explain(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Its name, for a program.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }

        $(#[doc = $counts_text])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $counts([u64; $kind::ALL.len()]);

        impl Default for $counts {
            fn default() -> Self {
                Self([0; $kind::ALL.len()])
            }
        }

        impl $counts {
            /// Counts one.
            #[inline]
            pub fn count(&mut self, kind: $kind) {
                self.0[kind as usize] += 1;
            }

            /// How many were of this kind.
            pub fn of(&self, kind: $kind) -> u64 {
                self.0[kind as usize]
            }

            /// All in all.
            pub fn total(&self) -> u64 {
                self.0.iter().sum()
            }

            /// The kinds that occurred.
            pub fn iter(&self) -> impl Iterator<Item = ($kind, u64)> {
                $kind::ALL.iter().map(|kind| (*kind, self.of(*kind))).filter(|(_, n)| *n > 0)
            }
        }
    };
}

pub(super) use kinds;
