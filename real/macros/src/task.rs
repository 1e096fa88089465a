//! `#[raddle::task]`: a function that makes calls, and a type of the same name with the function
//! itself and its entry in the registry.
//!
//! This module must not know how arguments are written or read.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, GenericArgument, ItemFn, PathArguments, Result, ReturnType, Type};

use crate::options::Options;
use crate::parameter::{Context, Parameter};

/// The expansion.
pub(crate) fn expand(attributes: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let task = Task::parse(Options::parse(attributes)?, syn::parse2(item)?)?;
    let (caller, marker) = (task.caller(), task.marker());
    Ok(quote!(#caller #marker))
}

struct Task {
    options: Options,
    function: ItemFn,
    context: Option<Context>,
    parameters: Vec<Parameter>,
    output: Output,
}

/// What a call of the task gives.
struct Output {
    value: Type,
    /// The function returns a `Result` of it, which stands here.
    fallible: Option<Span>,
}

impl Task {
    fn parse(options: Options, function: ItemFn) -> Result<Self> {
        check(&function)?;
        let mut inputs = function.sig.inputs.iter().peekable();
        let context = inputs.peek().and_then(|first| Context::parse(first));
        let arguments = inputs.skip(usize::from(context.is_some())).enumerate();
        let parameters = arguments.map(|(index, input)| Parameter::parse(index, input));
        let parameters = parameters.collect::<Result<_>>()?;
        let output = Output::of(&function.sig.output)?;
        Ok(Self { options, function, context, parameters, output })
    }

    /// The function that makes calls.
    fn caller(&self) -> TokenStream {
        let (vis, name) = (&self.function.vis, &self.function.sig.ident);
        let attributes = self.function.attrs.iter().filter(|attribute| is_for_caller(attribute));
        let value = &self.output.value;
        let arguments = Ident::new("arguments", Span::mixed_site());
        let (names, types) = self.names_and_types();
        let bounds = types
            .iter()
            .map(|owned| quote_spanned!(owned.span()=> impl ::raddle::__private::IntoArg<#owned>));
        quote! {
            #(#attributes)*
            #vis fn #name(#(#names: #bounds),*) -> ::raddle::__private::Call<#value> {
                #[allow(unused_mut)]
                let mut #arguments = ::raddle::__private::ArgWriter::new();
                #(#arguments.push::<#types>(#names);)*
                ::raddle::__private::Call::new(#name::__entry(), #arguments)
            }
        }
    }

    /// The type of the same name.
    fn marker(&self) -> TokenStream {
        let (vis, name) = (&self.function.vis, &self.function.sig.ident);
        let conditions: Vec<_> =
            self.function.attrs.iter().filter(|a| a.path().is_ident("cfg")).collect();
        let about = format!(" Holds the function of the task `{}`.", name.unraw());
        let (run, entry) = (self.run(), self.entry());
        quote! {
            #(#conditions)*
            #[doc = #about]
            #[allow(non_camel_case_types, dead_code)]
            #vis struct #name {}

            #(#conditions)*
            impl #name {
                #run
                #entry
            }
        }
    }

    /// The function itself.
    fn run(&self) -> TokenStream {
        let ItemFn { attrs, vis, sig, block } = &self.function;
        let attributes = attrs.iter().filter(|attribute| !is_for_caller(attribute));
        let about =
            format!(" Runs the function of the task `{}`, here and now.", sig.ident.unraw());
        let (asyncness, inputs, output) = (&sig.asyncness, &sig.inputs, &sig.output);
        quote! {
            #(#attributes)*
            #[doc = #about]
            #vis #asyncness fn run(#inputs) #output #block
        }
    }

    /// What the registry is told.
    fn entry(&self) -> TokenStream {
        let wire_name = self.options.name(&self.function.sig.ident);
        let defaults = self.options.defaults();
        let (_, types) = self.names_and_types();
        let value = &self.output.value;
        let body = self.body();
        quote! {
            #[doc(hidden)]
            fn __entry() -> &'static ::raddle::__private::TaskEntry {
                static ENTRY: ::raddle::__private::TaskEntry = ::raddle::__private::TaskEntry::new(
                    || #wire_name,
                    || ::raddle::__private::signature(
                        &[#(::raddle::__private::value_type::<#types>()),*],
                        ::raddle::__private::value_type::<#value>(),
                    ),
                    #defaults,
                    #body,
                );
                #[::raddle::__private::linkme::distributed_slice(::raddle::__private::TASKS)]
                #[linkme(crate = ::raddle::__private::linkme)]
                static REGISTERED: &'static ::raddle::__private::TaskEntry = &ENTRY;
                &ENTRY
            }
        }
    }

    /// What runs the function with the arguments of an invocation.
    fn body(&self) -> TokenStream {
        let name = &self.function.sig.ident;
        let variable = |text: &str| Ident::new(text, Span::mixed_site());
        let (reader, context) = (variable("reader"), variable("context"));
        let variables: Vec<_> =
            (1..=self.parameters.len()).map(|number| format_ident!("argument_{number}")).collect();
        let reads = self.parameters.iter().map(|parameter| parameter.read(&reader));
        let passed = self.parameters.iter().zip(&variables).map(|(p, variable)| p.pass(variable));
        let given = self.context.map(|context_kind| match context_kind {
            Context::Owned => quote!(#context,),
            Context::Borrowed => quote!(&#context,),
        });
        let context = if self.context.is_some() { quote!(#context) } else { quote!(_) };
        let is_async = self.function.sig.asyncness;
        let wait = is_async.map(|_| quote!(.await));
        let finish = self.output.finish(quote!(#name::run(#given #(#passed),*) #wait));
        let steps = quote! {
            #[allow(unused_imports)]
            use ::raddle::__private::{
                TakeByClone as _, TakeByDecode as _, TakeParts as _, TakePartsByClone as _,
            };
            #[allow(unused_mut)]
            let (mut #reader, #context) = invocation.open();
            #(let #variables = #reads;)*
            #reader.finish()?;
            #finish
        };
        match is_async {
            Some(_) => quote! {
                ::raddle::__private::Body::Async(|invocation| {
                    ::raddle::__private::boxed(async move { #steps })
                })
            },
            None => quote!(::raddle::__private::Body::Blocking(|invocation| { #steps })),
        }
    }

    fn names_and_types(&self) -> (Vec<&Ident>, Vec<&Type>) {
        self.parameters.iter().map(|parameter| (&parameter.name, &parameter.owned)).unzip()
    }
}

impl Output {
    fn of(output: &ReturnType) -> Result<Self> {
        let mut value = match output {
            ReturnType::Default => {
                return Ok(Self { value: syn::parse_quote!(()), fallible: None });
            }
            ReturnType::Type(_, value) => &**value,
        };
        while let Type::Group(syn::TypeGroup { elem, .. })
        | Type::Paren(syn::TypeParen { elem, .. }) = value
        {
            value = elem;
        }
        match value {
            Type::ImplTrait(_) | Type::TraitObject(_) => Err(Error::new_spanned(
                value,
                "the result of a task must be of a type that can be named: it is read elsewhere",
            )),
            Type::Reference(_) => Err(Error::new_spanned(
                value,
                "a task cannot return a reference: its result outlives it; return an owned value",
            )),
            Type::Path(path) => match path.path.segments.last() {
                Some(last) if last.ident == "Result" => {
                    Ok(Self { value: first_argument(&last.arguments), fallible: Some(path.span()) })
                }
                _ => Ok(Self { value: value.clone(), fallible: None }),
            },
            _ => Ok(Self { value: value.clone(), fallible: None }),
        }
    }

    /// Makes what the function returned the outcome of the task.
    fn finish(&self, returned: TokenStream) -> TokenStream {
        let value = &self.value;
        match self.fallible {
            Some(span) => {
                quote_spanned!(span=> ::raddle::__private::finish_result::<#value, _>(#returned))
            }
            None => quote_spanned!(value.span()=> ::raddle::__private::finish::<#value>(#returned)),
        }
    }
}

/// What a `Result` with these arguments is a result of. Without any it is that of `std::fmt`.
fn first_argument(arguments: &PathArguments) -> Type {
    if let PathArguments::AngleBracketed(arguments) = arguments {
        for argument in &arguments.args {
            if let GenericArgument::Type(value) = argument {
                return value.clone();
            }
        }
    }
    syn::parse_quote!(())
}

fn check(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |tokens: &dyn quote::ToTokens, message| {
        Err(Error::new_spanned(tokens.to_token_stream(), message))
    };
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        let message = "a task cannot be generic: it is found by name, and each of its types must be \
                       known; write one task for each type, which call a generic function";
        return refuse(&signature.generics, message);
    }
    if let Some(constness) = &signature.constness {
        return refuse(constness, "a task cannot be `const`: leave it out");
    }
    if let Some(unsafety) = &signature.unsafety {
        return refuse(unsafety, "a task cannot be `unsafe`: nobody could keep its promises");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi, "a task cannot be `extern`: leave it out");
    }
    if let Some(variadic) = &signature.variadic {
        return refuse(variadic, "a task has a fixed number of arguments");
    }
    Ok(())
}

/// Whether an attribute describes calls; else it is about the function itself.
fn is_for_caller(attribute: &Attribute) -> bool {
    ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
}
