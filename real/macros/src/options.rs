//! What stands in the brackets of `#[raddle::task(...)]`.
//!
//! This module must not know the function.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::{Error, Expr, LitStr, Result, meta};

/// Bytes of a name at most, as on the wire.
const MAX_NAME: usize = 1 << 10;

/// The options of a task.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    priority: Option<Expr>,
    retries: Option<Expr>,
    pure: bool,
}

impl Options {
    /// Reads them.
    pub(crate) fn parse(attributes: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        let parser = meta::parser(|meta| {
            let Some(word) = meta.path.get_ident().map(ToString::to_string) else {
                return Err(meta.error("expected `name`, `priority`, `retries` or `pure`"));
            };
            match word.as_str() {
                "name" => options.name = Some(checked(meta.value()?.parse()?)?),
                "priority" => options.priority = Some(meta.value()?.parse()?),
                "retries" => options.retries = Some(meta.value()?.parse()?),
                "pure" => options.pure = true,
                other => {
                    let known = "`name = \"...\"`, `priority = ...`, `retries = ...` and `pure`";
                    return Err(meta.error(format!("`{other}` is unknown; known are {known}")));
                }
            }
            Ok(())
        });
        parser.parse2(attributes)?;
        Ok(options)
    }

    /// The name on the wire of the task that has the type `marker`. By default it is the path of that
    /// type, in which the names of functions around it occur, too.
    pub(crate) fn name(&self, marker: &Ident) -> TokenStream {
        match &self.name {
            Some(name) => quote!(#name),
            None => quote!(::raddle::__private::type_name::<#marker>()),
        }
    }

    /// What holds for every call.
    pub(crate) fn defaults(&self) -> TokenStream {
        let zero = || syn::parse_quote!(0);
        let priority = self.priority.clone().unwrap_or_else(zero);
        let retries = self.retries.clone().unwrap_or_else(zero);
        let pure = self.pure;
        quote!(::raddle::__private::Defaults { priority: #priority, retries: #retries, pure: #pure })
    }
}

fn checked(name: LitStr) -> Result<LitStr> {
    match name.value().len() {
        1..=MAX_NAME => Ok(name),
        length => {
            let message = format!("a name has 1 to {MAX_NAME} bytes, this one {length}");
            Err(Error::new_spanned(name, message))
        }
    }
}
