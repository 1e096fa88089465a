//! `#[raddle::main]`.
//!
//! This module must not know tasks.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result};

/// The expansion.
pub(crate) fn expand(attributes: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !attributes.is_empty() {
        return Err(Error::new_spanned(attributes, "`#[raddle::main]` has no attributes"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let (attrs, vis, signature, block) =
        (&function.attrs, &function.vis, &function.sig, &function.block);
    if signature.asyncness.is_none() {
        let message = "`#[raddle::main]` needs an `async fn`; in a `fn main`, call \
                       `raddle::init()` first instead";
        return Err(Error::new_spanned(signature.fn_token, message));
    }
    if !signature.inputs.is_empty() || !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(signature, "`main` has no parameters"));
    }
    let (name, output) = (&signature.ident, &signature.output);
    Ok(quote! {
        #(#attrs)*
        #vis fn #name() #output {
            async fn body() #output #block
            ::raddle::__private::main(body())
        }
    })
}
