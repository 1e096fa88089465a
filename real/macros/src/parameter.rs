//! One parameter of a task: what its caller passes, and how its body gets it.
//!
//! This module must not know the rest of the function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Pat, Result, Type, TypeReference};

/// A parameter.
pub(crate) struct Parameter {
    /// What it is called in the function that makes calls.
    pub(crate) name: Ident,
    /// The type of its value.
    pub(crate) owned: Type,
    /// What the function wants.
    form: Form,
}

/// What a function wants of an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `T`
    Owned,
    /// `&T`
    Borrowed,
    /// `&[u8]`
    Bytes,
}

/// The context of a task, if it has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// `ctx: TaskContext`
    Owned,
    /// `ctx: &TaskContext`
    Borrowed,
}

impl Context {
    /// Whether `input` is one.
    pub(crate) fn parse(input: &FnArg) -> Option<Self> {
        let FnArg::Typed(input) = input else { return None };
        match &*input.ty {
            Type::Reference(reference) if is_context(&reference.elem) => Some(Self::Borrowed),
            owned if is_context(owned) => Some(Self::Owned),
            _ => None,
        }
    }
}

fn is_context(tested: &Type) -> bool {
    let Type::Path(path) = tested else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "TaskContext")
}

impl Parameter {
    /// The `index`-th one.
    pub(crate) fn parse(index: usize, input: &FnArg) -> Result<Self> {
        let FnArg::Typed(typed) = input else {
            return Err(Error::new_spanned(
                input,
                "a task cannot be a method: it runs elsewhere, where there is no `self`",
            ));
        };
        if Context::parse(input).is_some() {
            let message = "the context must be the first parameter of a task, and the only one";
            return Err(Error::new_spanned(input, message));
        }
        let name = match &*typed.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
            _ => format_ident!("argument_{}", index + 1),
        };
        let (owned, form) = match &*typed.ty {
            Type::Reference(reference) if is_bytes(&reference.elem) => {
                (owned_by(reference)?, Form::Bytes)
            }
            Type::Reference(reference) => (owned_by(reference)?, Form::Borrowed),
            owned => (owned.clone(), Form::Owned),
        };
        if let Type::ImplTrait(_) | Type::TraitObject(_) = owned {
            let message = "a task needs to know the type of each argument: name one";
            return Err(Error::new_spanned(owned, message));
        }
        Ok(Self { name, owned, form })
    }

    /// Reads it from `reader`.
    pub(crate) fn read(&self, reader: &Ident) -> TokenStream {
        let owned = &self.owned;
        let span = owned.span().resolved_at(Span::mixed_site());
        let param = quote_spanned!(span=> (&&&&::raddle::__private::Param::<#owned>::new()));
        match self.form {
            Form::Owned => quote_spanned!(span=> #param.take(&mut #reader)?),
            Form::Borrowed => quote_spanned!(span=> #reader.borrow(|reader| #param.take(reader))?),
            Form::Bytes => quote_spanned!(span=> #reader.borrow_bytes()?),
        }
    }

    /// Passes what was read into `variable` to the function.
    pub(crate) fn pass(&self, variable: &Ident) -> TokenStream {
        match self.form {
            Form::Owned => quote!(#variable),
            Form::Borrowed | Form::Bytes => quote!(&*#variable),
        }
    }
}

fn is_bytes(tested: &Type) -> bool {
    let Type::Slice(slice) = tested else { return false };
    matches!(&*slice.elem, Type::Path(path) if path.path.is_ident("u8"))
}

/// The type of the value that is kept for a reference.
fn owned_by(reference: &TypeReference) -> Result<Type> {
    if reference.mutability.is_some() {
        let message = "a task cannot change its argument in place, which others may use: take it by \
                       value and return it";
        return Err(Error::new_spanned(reference, message));
    }
    if let Some(lifetime) = &reference.lifetime {
        let message =
            "an argument is borrowed for as long as the task runs: leave the lifetime out";
        return Err(Error::new_spanned(lifetime, message));
    }
    Ok(match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => {
            syn::parse_quote_spanned!(path.span()=> ::raddle::__private::String)
        }
        Type::Slice(slice) => {
            let element = &slice.elem;
            syn::parse_quote_spanned!(slice.span()=> ::raddle::__private::Vec<#element>)
        }
        other => other.clone(),
    })
}
