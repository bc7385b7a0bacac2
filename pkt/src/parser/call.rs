//! Calls: `name(argument, …) = result ERROR (text)`.

use super::Parser;
use crate::error::Error;
use crate::lexer::Token;
use crate::script::{Call, Value};

impl Parser {
    pub(super) fn call(&mut self) -> Result<Call, Error> {
        let name = self.word("a call")?;
        self.need('(')?;
        let mut arguments = Vec::new();
        while !self.eat(')') {
            let pos = self.pos();
            arguments.push((self.value()?, pos));
            if !self.eat(',') && !self.is_mark(')') {
                return Err(self.expected("`,` or `)` after an argument"));
            }
        }
        self.need('=')?;
        let result = self.value()?;
        let mut errno = None;
        if let Token::Word(word) = &self.peek().0 {
            errno = Some(word.clone());
            self.at += 1;
            self.remark()?;
        }
        Ok(Call { name, arguments, result, errno })
    }

    /// The text of an error in parentheses, for people.
    fn remark(&mut self) -> Result<(), Error> {
        if self.eat('(') {
            while !self.eat(')') {
                if self.next() == Token::End {
                    return Err(self.expected("`)`"));
                }
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Error> {
        let first = self.operand()?;
        if !self.is_mark('|') {
            return Ok(first);
        }
        let mut bits = vec![first];
        while self.eat('|') {
            bits.push(self.operand()?);
        }
        Ok(Value::Or(bits))
    }

    fn values(&mut self, close: char) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while !self.eat(close) {
            values.push(self.value()?);
            if !self.eat(',') && !self.is_mark(close) {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
        Ok(values)
    }

    fn operand(&mut self) -> Result<Value, Error> {
        let value = match self.peek().0.clone() {
            Token::Ellipsis => Value::Any,
            Token::Int(number) => Value::Int(self.number(number)?),
            Token::Text(text) => Value::Text(text),
            Token::Mark('-') => {
                self.at += 1;
                let Token::Int(number) = self.peek().0 else { return Err(self.expected("a number")) };
                Value::Int(-self.number(number)?)
            }
            Token::Mark('[') => {
                self.at += 1;
                return Ok(Value::List(self.values(']')?));
            }
            Token::Mark('{') => {
                self.at += 1;
                return self.fields();
            }
            Token::Word(word) if *self.ahead(1) == Token::Mark('(') => {
                self.at += 2;
                return Ok(Value::Of(word, self.values(')')?));
            }
            Token::Word(word) => Value::Name(word),
            _ => return Err(self.expected("a value")),
        };
        self.at += 1;
        Ok(value)
    }

    fn number(&self, number: u64) -> Result<i64, Error> {
        i64::try_from(number).map_err(|_| Error::new(self.pos(), format!("{number} is too large")))
    }

    fn fields(&mut self) -> Result<Value, Error> {
        let mut fields = Vec::new();
        while !self.eat('}') {
            let name = self.word("a field's name")?;
            self.need('=')?;
            fields.push((name, self.value()?));
            if !self.eat(',') && !self.is_mark('}') {
                return Err(self.expected("`,` or `}` after a field"));
            }
        }
        Ok(Value::Fields(fields))
    }
}
