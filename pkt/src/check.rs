//! Checks of `TCP_INFO`: `assert tcpi_snd_cwnd == 10`, with the operators of the field's scripts.

use crate::error::{Error, Pos};
use crate::lexer::{Token, tokens};

/// One `assert`.
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    /// Where.
    pub pos: Pos,
    /// As it was written.
    pub text: String,
    condition: Expr,
}

#[derive(Clone, PartialEq, Debug)]
enum Expr {
    Number(i64),
    Field(&'static Field),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Pair(Op, Box<Expr>, Box<Expr>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Plus,
    Minus,
    Times,
    BitAnd,
}

impl Op {
    /// How strongly it binds.
    fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::Unequal | Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => 3,
            Self::BitAnd => 4,
            Self::Plus | Self::Minus => 5,
            Self::Times => 6,
        }
    }
}

/// A field of `struct tcp_info`.
#[derive(PartialEq, Eq, Debug)]
pub struct Field {
    name: &'static str,
    offset: usize,
    size: usize,
}

const fn field(name: &'static str, offset: usize, size: usize) -> Field {
    Field { name, offset, size }
}

/// The fields in their places (linux/tcp.h).
const FIELDS: &[Field] = &[
    field("tcpi_state", 0, 1),
    field("tcpi_ca_state", 1, 1),
    field("tcpi_retransmits", 2, 1),
    field("tcpi_probes", 3, 1),
    field("tcpi_backoff", 4, 1),
    field("tcpi_options", 5, 1),
    field("tcpi_rto", 8, 4),
    field("tcpi_ato", 12, 4),
    field("tcpi_snd_mss", 16, 4),
    field("tcpi_rcv_mss", 20, 4),
    field("tcpi_unacked", 24, 4),
    field("tcpi_sacked", 28, 4),
    field("tcpi_lost", 32, 4),
    field("tcpi_retrans", 36, 4),
    field("tcpi_pmtu", 60, 4),
    field("tcpi_rcv_ssthresh", 64, 4),
    field("tcpi_rtt", 68, 4),
    field("tcpi_rttvar", 72, 4),
    field("tcpi_snd_ssthresh", 76, 4),
    field("tcpi_snd_cwnd", 80, 4),
    field("tcpi_advmss", 84, 4),
    field("tcpi_reordering", 88, 4),
    field("tcpi_total_retrans", 100, 4),
    field("tcpi_bytes_acked", 120, 8),
    field("tcpi_bytes_received", 128, 8),
    field("tcpi_segs_out", 136, 4),
    field("tcpi_segs_in", 140, 4),
    field("tcpi_notsent_bytes", 144, 4),
    field("tcpi_min_rtt", 148, 4),
    field("tcpi_data_segs_in", 152, 4),
    field("tcpi_data_segs_out", 156, 4),
    field("tcpi_delivered", 192, 4),
    field("tcpi_bytes_sent", 200, 8),
    field("tcpi_bytes_retrans", 208, 8),
    field("tcpi_snd_wnd", 228, 4),
];

/// Words with a value.
const NAMES: &[(&str, i64)] = &[
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
];

/// Reads the lines of a check; `pos` is where the block begins.
///
/// # Errors
/// Where a line is no `assert` of known words.
pub fn parse(text: &str, pos: Pos) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // In the first line the block's mark stands before the text.
        let shift = if number == 0 { pos.column + 1 } else { 0 };
        let place = |at: Pos| Pos { line: pos.line + number as u32, column: at.column + shift };
        let tokens =
            tokens(line).map_err(|error| Error { pos: place(error.pos), ..error })?.into_iter().peekable();
        let mut parser = Parser { tokens: tokens.map(|(token, at)| (token, place(at))).collect(), at: 0 };
        while !matches!(parser.peek().0, Token::End) {
            let start = parser.peek().1;
            if parser.eat(";") {
                continue;
            }
            if !parser.eat_word("assert") {
                return Err(parser.expected("`assert`"));
            }
            let condition = parser.expr(0)?;
            // What follows a comma is the message of the field's scripts.
            if parser.eat(",") {
                parser.at = parser.tokens.len() - 1;
            }
            checks.push(Check { pos: start, text: line.trim().to_owned(), condition });
        }
    }
    Ok(checks)
}

struct Parser {
    tokens: Vec<(Token, Pos)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &(Token, Pos) {
        // The last token is the end, which is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn expected(&self, what: &str) -> Error {
        let (token, pos) = self.peek();
        Error::new(*pos, format!("expected {what}, found {token}"))
    }

    /// Takes marks that stand one after the other.
    fn eat(&mut self, marks: &str) -> bool {
        let found = marks.chars().enumerate().all(
            |(i, mark)| matches!(self.tokens.get(self.at + i), Some((Token::Mark(is), _)) if *is == mark),
        );
        self.at += if found { marks.len() } else { 0 };
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(&self.peek().0, Token::Word(is) if is == word);
        self.at += usize::from(found);
        found
    }

    fn operator(&mut self) -> Option<Op> {
        const MARKS: &[(&str, Op)] = &[
            ("==", Op::Equal),
            ("!=", Op::Unequal),
            ("<=", Op::AtMost),
            (">=", Op::AtLeast),
            ("<", Op::Less),
            (">", Op::Greater),
            ("+", Op::Plus),
            ("-", Op::Minus),
            ("*", Op::Times),
            ("&", Op::BitAnd),
        ];
        for (word, op) in [("and", Op::And), ("or", Op::Or)] {
            if self.eat_word(word) {
                return Some(op);
            }
        }
        MARKS.iter().find(|(marks, _)| self.eat(marks)).map(|(_, op)| *op)
    }

    /// An expression of operators that bind more strongly than `floor`.
    fn expr(&mut self, floor: u8) -> Result<Expr, Error> {
        let mut left = self.operand()?;
        loop {
            let start = self.at;
            match self.operator() {
                Some(op) if op.strength() > floor => {
                    let right = self.expr(op.strength())?;
                    left = Expr::Pair(op, Box::new(left), Box::new(right));
                }
                Some(_) | None => {
                    self.at = start;
                    return Ok(left);
                }
            }
        }
    }

    fn operand(&mut self) -> Result<Expr, Error> {
        if self.eat("(") {
            let inside = self.expr(0)?;
            return if self.eat(")") { Ok(inside) } else { Err(self.expected("`)`")) };
        }
        if self.eat("-") {
            return Ok(Expr::Minus(Box::new(self.operand()?)));
        }
        if self.eat_word("not") {
            return Ok(Expr::Not(Box::new(self.expr(2)?)));
        }
        let (token, pos) = self.peek().clone();
        let expr = match &token {
            Token::Int(number) => Expr::Number(*number as i64),
            Token::Word(word) => {
                let field = FIELDS.iter().find(|field| field.name == word);
                let value = NAMES.iter().find(|(name, _)| name == word);
                match (field, value) {
                    (Some(field), _) => Expr::Field(field),
                    (_, Some((_, value))) => Expr::Number(*value),
                    _ => {
                        return Err(Error::new(pos, format!("{word} is no field of tcp_info that is known")));
                    }
                }
            }
            _ => return Err(self.expected("a number or a field of tcp_info")),
        };
        self.at += 1;
        Ok(expr)
    }
}

impl Expr {
    fn value(&self, info: &[u8]) -> i64 {
        match self {
            Self::Number(number) => *number,
            Self::Field(Field { offset, size, .. }) => {
                let bytes = info.get(*offset..offset + size).unwrap_or_default();
                bytes.iter().rev().fold(0, |value, byte| value << 8 | i64::from(*byte))
            }
            Self::Not(of) => i64::from(of.value(info) == 0),
            Self::Minus(of) => -of.value(info),
            Self::Pair(op, a, b) => {
                let (a, b) = (a.value(info), b.value(info));
                match op {
                    Op::Or => i64::from(a != 0 || b != 0),
                    Op::And => i64::from(a != 0 && b != 0),
                    Op::Equal => i64::from(a == b),
                    Op::Unequal => i64::from(a != b),
                    Op::Less => i64::from(a < b),
                    Op::AtMost => i64::from(a <= b),
                    Op::Greater => i64::from(a > b),
                    Op::AtLeast => i64::from(a >= b),
                    Op::Plus => a.wrapping_add(b),
                    Op::Minus => a.wrapping_sub(b),
                    Op::Times => a.wrapping_mul(b),
                    Op::BitAnd => a & b,
                }
            }
        }
    }

    fn fields(&self, into: &mut Vec<&'static Field>) {
        match self {
            Self::Number(_) => {}
            Self::Field(field) if into.contains(field) => {}
            Self::Field(field) => into.push(field),
            Self::Not(of) | Self::Minus(of) => of.fields(into),
            Self::Pair(_, a, b) => {
                a.fields(into);
                b.fields(into);
            }
        }
    }
}

impl Check {
    /// Compares with a `struct tcp_info` (little-endian, as the machines of this project are).
    ///
    /// # Errors
    /// The condition does not hold: the fields that it names.
    pub fn hold(&self, info: &[u8]) -> Result<(), Error> {
        if self.condition.value(info) != 0 {
            return Ok(());
        }
        let mut fields = Vec::new();
        self.condition.fields(&mut fields);
        let values =
            fields.iter().map(|field| format!("{} is {}", field.name, Expr::Field(field).value(info)));
        let values: Vec<_> = values.collect();
        Err(Error::new(self.pos, format!("`{}` does not hold: {}", self.text, values.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> Vec<u8> {
        let mut info = vec![0; 280];
        info[0] = 1;
        info[80] = 10;
        info[77] = 2;
        info
    }

    #[test]
    fn operators_bind_as_in_the_fields_scripts() {
        let pos = Pos { line: 3, column: 5 };
        let text = "\nassert tcpi_snd_cwnd == 10, tcpi_snd_cwnd\nassert tcpi_state == TCP_ESTABLISHED and not \
                    tcpi_snd_ssthresh != 500 + 2 * 6 or 1 == 2\n";
        let checks = parse(text, pos).unwrap();
        assert_eq!(checks.len(), 2);
        checks.iter().for_each(|check| check.hold(&info()).unwrap());
    }

    #[test]
    fn a_check_that_fails_names_its_fields() {
        let checks = parse(" assert tcpi_snd_cwnd < 10 ", Pos { line: 3, column: 5 }).unwrap();
        let error = checks[0].hold(&info()).unwrap_err();
        assert_eq!(error.pos, Pos { line: 3, column: 8 });
        assert!(error.message.ends_with("does not hold: tcpi_snd_cwnd is 10"), "{error}");
    }

    #[test]
    fn an_unknown_field_is_told_with_its_place() {
        let error = parse("\n  assert tcpi_nonsense == 1", Pos { line: 3, column: 5 }).unwrap_err();
        assert_eq!(error.pos, Pos { line: 4, column: 10 });
        assert!(parse("x = 1", Pos::default()).unwrap_err().message.contains("expected `assert`"));
    }
}
