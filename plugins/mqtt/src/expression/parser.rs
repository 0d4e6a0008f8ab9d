//! From words to an expression, by Jinja's order of precedence.

use super::lexer::{Token, tokens};
use super::{Node, Trouble, filters};

/// Deepest nesting: templates come from strangers, and a guest's stack has an end.
const DEEPEST: u32 = 32;
/// Longest expression, in words.
const LONGEST: usize = 500;

/// Operators of two sides, from the loosest to the tightest.
const PRECEDENCE: &[&[&str]] = &[
    &["or"],
    &["and"],
    &["==", "!=", "<=", ">=", "<", ">", "in"],
    &["~"],
    &["+", "-"],
    &["*", "//", "/", "%"],
];

/// Reads an expression.
///
/// # Errors
/// It is none that is understood.
pub fn parse(text: &str) -> Result<Node, Trouble> {
    let tokens = tokens(text)?;
    if tokens.len() > LONGEST {
        return Err(Trouble("too long".to_owned()));
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let node = parser.choice()?;
    match parser.peek() {
        None => Ok(node),
        Some(token) => Err(Trouble(format!("{token:?} is not expected here"))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let takes = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(takes);
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.peek(), Some(Token::Name(next)) if next == word);
        self.at += usize::from(takes);
        takes
    }

    fn expect(&mut self, sign: &str) -> Result<(), Trouble> {
        match self.takes_sign(sign) {
            true => Ok(()),
            false => Err(Trouble(format!("{sign} is missing"))),
        }
    }

    fn name(&mut self) -> Result<String, Trouble> {
        match self.peek().cloned() {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name)
            }
            other => Err(Trouble(format!("a name is missing before {other:?}"))),
        }
    }

    fn choice(&mut self) -> Result<Node, Trouble> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Trouble("nested too deeply".to_owned()));
        }
        let mut node = self.pair(0)?;
        if self.takes_word("if") {
            let condition = Box::new(self.pair(0)?);
            if !self.takes_word("else") {
                return Err(Trouble("an if without an else".to_owned()));
            }
            let no = Box::new(self.choice()?);
            let yes = Box::new(node);
            node = Node::Choice { condition, yes, no };
        }
        self.depth -= 1;
        Ok(node)
    }

    /// Operators of this precedence and tighter ones.
    fn pair(&mut self, level: usize) -> Result<Node, Trouble> {
        let Some(operators) = PRECEDENCE.get(level) else {
            return self.single();
        };
        if level == 2 && self.takes_word("not") {
            return Ok(Node::Not(Box::new(self.pair(level)?)));
        }
        let mut node = self.pair(level + 1)?;
        loop {
            let found = operators
                .iter()
                .find(|operator| self.takes_sign(operator) || self.takes_word(operator));
            if let Some(operator) = found {
                let right = self.pair(level + 1)?;
                node = Node::Pair(operator, Box::new(node), Box::new(right));
            } else if level == 2 && self.takes_word("is") {
                let expected = !self.takes_word("not");
                if self.name()? != "defined" {
                    return Err(Trouble(
                        "of the tests, only `is defined` is understood".to_owned(),
                    ));
                }
                node = Node::Defined(Box::new(node), expected);
            } else {
                return Ok(node);
            }
        }
    }

    fn single(&mut self) -> Result<Node, Trouble> {
        if self.takes_sign("-") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(Trouble("nested too deeply".to_owned()));
            }
            let of = self.single()?;
            self.depth -= 1;
            return Ok(Node::Negative(Box::new(of)));
        }
        let mut node = self.first()?;
        loop {
            if self.takes_sign(".") {
                let name = self.name()?;
                node = match name.as_str() {
                    "get" if self.takes_sign("(") => self.get(node)?,
                    _ => Node::At(Box::new(node), Box::new(Node::Literal(name.into()))),
                };
            } else if self.takes_sign("[") {
                let key = self.choice()?;
                self.expect("]")?;
                node = Node::At(Box::new(node), Box::new(key));
            } else if self.takes_sign("|") {
                let name = self.name()?;
                let arguments = if self.takes_sign("(") {
                    self.arguments()?
                } else {
                    Vec::new()
                };
                filters::check(&name)?;
                node = Node::Filter(Box::new(node), name, arguments);
            } else {
                return Ok(node);
            }
        }
    }

    /// `a.get('b', c)`: `a['b'] | default(c)`.
    fn get(&mut self, of: Node) -> Result<Node, Trouble> {
        let mut arguments = self.arguments()?.into_iter();
        let key = arguments
            .next()
            .ok_or_else(|| Trouble("get() without a name".to_owned()))?;
        let default = arguments
            .next()
            .unwrap_or(Node::Literal(serde_json::Value::Null));
        let at = Node::At(Box::new(of), Box::new(key));
        Ok(Node::Filter(
            Box::new(at),
            "default".to_owned(),
            vec![default],
        ))
    }

    fn arguments(&mut self) -> Result<Vec<Node>, Trouble> {
        let mut found = Vec::new();
        while !self.takes_sign(")") {
            found.push(self.choice()?);
            if !self.takes_sign(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(found)
    }

    fn first(&mut self) -> Result<Node, Trouble> {
        if self.takes_sign("(") {
            let node = self.choice()?;
            self.expect(")")?;
            return Ok(node);
        }
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Literal(value)) => Ok(Node::Literal(value)),
            Some(Token::Name(name)) => match name.as_str() {
                "value" => Ok(Node::Text),
                "value_json" => Ok(Node::Json),
                // The functions that are filters too.
                "float" | "int" | "bool" | "iif" if self.takes_sign("(") => {
                    let mut arguments = self.arguments()?;
                    if arguments.is_empty() {
                        return Err(Trouble(format!("{name}() of nothing")));
                    }
                    let of = arguments.remove(0);
                    Ok(Node::Filter(Box::new(of), name, arguments))
                }
                _ => Err(Trouble(format!("{name} is not known"))),
            },
            Some(Token::Sign(sign)) => Err(Trouble(format!("{sign} is not expected here"))),
            None => Err(Trouble("an expression is missing".to_owned())),
        }
    }
}
