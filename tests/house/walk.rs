//! The rules that need a file's syntax.

use crate::source::Source;
use crate::{
    DUMPING_GROUNDS, FILE_LINES_MAX, FUNCTION_LINES_MAX, INLINE_TEST_LINES_MAX, KEYS, LAYERS, MAY_HOLD_STATE, MINTS, MINTS_BY_METHOD,
    PROOFS,
};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Says which rules the file breaks, one line each.
pub(crate) fn broken_rules(source: &Source) -> Vec<String> {
    let mut walk = Walk { source, inline_depth: 0, broken: Vec::new() };
    if DUMPING_GROUNDS.contains(&source.name.as_str()) {
        walk.say(1, "the file's name says nothing about what is in it");
    }
    if source.lines > FILE_LINES_MAX {
        walk.say(source.lines, &format!("{} lines without tests, at most {FILE_LINES_MAX}", source.lines));
    }
    if source.test_lines > INLINE_TEST_LINES_MAX {
        walk.say(source.lines, &format!("{} lines of inline tests, at most {INLINE_TEST_LINES_MAX}", source.test_lines));
    }
    walk.visit_file(&source.syntax);
    walk.broken
}

struct Walk<'a> {
    source: &'a Source,
    /// How many inline modules we are in: there, `super` still is this file.
    inline_depth: usize,
    broken: Vec<String>,
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn line(span: Span) -> usize {
    span.start().line
}

impl Walk<'_> {
    fn say(&mut self, line: usize, what: &str) {
        self.broken.push(format!("{}:{line}: {what}", self.source.path.display()));
    }

    /// A path starts with `crate::name`, or with `hozon::name` in the program's own file.
    fn used(&mut self, name: &str, line: usize) {
        let home = self.source.home.clone();
        if home == name || home == "lib" || name == "self" {
            return;
        }
        match (layer(&home), layer(name)) {
            (Some(own), Some(other)) if other >= own => self.say(line, &format!("{home} may not use {name}")),
            // An item at the crate's root is no module; the crate root keeps none but modules.
            (_, None) => self.say(line, &format!("{name} has no layer")),
            _ => {}
        }
    }

    fn is_root(&self, name: &syn::Ident) -> bool {
        name == "crate" || (self.source.home == "main" && name == "hozon")
    }

    /// Follows `super`s at a path's beginning. `depth` counts them.
    fn climbs(&mut self, depth: usize, line: usize) {
        if depth >= 2 && self.inline_depth == 0 {
            self.say(line, "`super::super` leaves the module");
        } else if depth >= 1 && self.source.is_top && self.inline_depth == 0 {
            self.say(line, "`super` leaves the module");
        }
    }

    fn import(&mut self, tree: &syn::UseTree, parent: Parent) {
        match tree {
            syn::UseTree::Path(path) if parent == Parent::Root => self.used(&path.ident.to_string(), line(path.span())),
            syn::UseTree::Path(path) if parent == Parent::Start && self.is_root(&path.ident) => {
                self.import(&path.tree, Parent::Root);
            }
            syn::UseTree::Path(path) if path.ident == "super" => {
                let depth = parent.depth() + 1;
                if !matches!(&*path.tree, syn::UseTree::Path(next) if next.ident == "super") {
                    self.climbs(depth, line(path.span()));
                }
                self.import(&path.tree, Parent::Super(depth));
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, parent)),
            syn::UseTree::Name(name) if parent == Parent::Root => self.used(&name.ident.to_string(), line(name.span())),
            syn::UseTree::Rename(name) if parent == Parent::Root => self.used(&name.ident.to_string(), line(name.span())),
            _ => {}
        }
        self.import_renames(tree);
    }

    /// A vouching type under another name could be called unseen.
    fn import_renames(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) if !matches!(&*path.tree, syn::UseTree::Path(_) | syn::UseTree::Group(_)) => {
                if let syn::UseTree::Rename(name) = &*path.tree {
                    self.renamed(&name.ident.to_string(), line(name.span()));
                }
            }
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    if let syn::UseTree::Rename(name) = item {
                        self.renamed(&name.ident.to_string(), line(name.span()));
                    }
                }
            }
            _ => {}
        }
    }

    fn renamed(&mut self, owner: &str, line: usize) {
        if MINTS.iter().any(|(minted, _, _)| *minted == owner) {
            self.say(line, &format!("{owner} may not be renamed"));
        }
    }

    fn called(&mut self, owner: &str, function: &str, line: usize) {
        let home = self.source.home.clone();
        let forbidden = MINTS.iter().find(|(o, f, may)| *o == owner && *f == function && !may.contains(&home.as_str()));
        if forbidden.is_some() {
            self.say(line, &format!("{home} may not call {owner}::{function}"));
        }
    }

    fn function(&mut self, name: &syn::Ident, start: Span, body: &syn::Block) {
        let lines = body.span().end().line + 1 - line(start);
        if lines > FUNCTION_LINES_MAX {
            self.say(line(start), &format!("fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }

    fn derives(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let parsed = attribute.parse_nested_meta(|meta| {
                if let Some(last) = meta.path.segments.last() {
                    self.proof_is(&name.to_string(), &last.ident.to_string(), line(attribute.span()));
                }
                Ok(())
            });
            parsed.unwrap_or_else(|error| panic!("{}: {error}", self.source.path.display()));
        }
    }

    fn proof_is(&mut self, name: &str, capability: &str, line: usize) {
        let duplicable = ["Clone", "Copy", "Default", "Deserialize", "Serialize", "From", "FromStr"].contains(&capability);
        let printable = ["Debug", "Display"].contains(&capability);
        if (duplicable && PROOFS.contains(&name)) || (printable && KEYS.contains(&name)) {
            self.say(line, &format!("{name} may not be {capability}"));
        }
    }

    /// Macro arguments have no syntax of their own, so their tokens are read one after the other.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut before: [String; 3] = Default::default();
        for token in tokens {
            let text = match &token {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    String::new()
                }
                TokenTree::Ident(ident) => ident.to_string(),
                TokenTree::Punct(punct) => punct.as_char().to_string(),
                TokenTree::Literal(_) => String::new(),
            };
            let [owner, first, second] = &before;
            if first == ":" && second == ":" {
                let owner = owner.clone();
                if owner == "crate" {
                    self.used(&text, line(token.span()));
                } else {
                    self.called(&owner, &text, line(token.span()));
                }
            }
            before.rotate_left(1);
            before[2] = text;
        }
    }
}

/// Where in a `use` tree we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Start,
    Root,
    Super(usize),
}

impl Parent {
    const fn depth(self) -> usize {
        match self {
            Self::Super(depth) => depth,
            Self::Start | Self::Root => 0,
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, Parent::Start);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let at = line(path.span());
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let (Some(first), Some(second)) = (path.segments.first(), names.get(1))
            && self.is_root(&first.ident)
        {
            self.used(second, at);
        }
        self.climbs(names.iter().take_while(|name| *name == "super").count(), at);
        if let [.., owner, function] = names.as_slice() {
            self.called(owner, function, at);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        if let (Some(qualified), Some(function)) = (&expression.qself, expression.path.segments.last())
            && let syn::Type::Path(owner) = &*qualified.ty
            && let Some(owner) = owner.path.segments.last()
        {
            self.called(&owner.ident.to_string(), &function.ident.to_string(), line(expression.span()));
        }
        visit::visit_expr_path(self, expression);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let receiver = match &*call.receiver {
            syn::Expr::Field(field) => match &field.member {
                syn::Member::Named(name) => name.to_string(),
                syn::Member::Unnamed(_) => String::new(),
            },
            syn::Expr::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
            syn::Expr::MethodCall(inner) => inner.method.to_string(),
            _ => String::new(),
        };
        let home = self.source.home.clone();
        let method = call.method.to_string();
        if MINTS_BY_METHOD.iter().any(|(r, m, may)| *r == receiver && *m == method && !may.contains(&home.as_str())) {
            self.say(line(call.method.span()), &format!("{home} may not call {receiver}.{method}"));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        if invoked.path.segments.last().is_some_and(|name| name.ident == "thread_local" || name.ident == "lazy_static") {
            self.static_state(line(invoked.span()));
        }
        self.tokens(invoked.tokens.clone());
        visit::visit_macro(self, invoked);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if DUMPING_GROUNDS.contains(&module.ident.to_string().as_str()) {
            self.say(line(module.span()), "the module's name says nothing about what is in it");
        }
        // Tests read what they like.
        if !is_for_tests(&module.attrs) {
            self.inline_depth += 1;
            visit::visit_item_mod(self, module);
            self.inline_depth -= 1;
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.function(&item.sig.ident, item.sig.span(), &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig.ident, item.sig.span(), body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.static_state(line(item.span()));
        visit::visit_item_static(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let syn::Type::Path(path) = &*item.ty
            && let Some(owner) = path.path.segments.last()
        {
            self.renamed(&owner.ident.to_string(), line(item.span()));
        }
        visit::visit_item_type(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.derives(&item.ident, &item.attrs);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.derives(&item.ident, &item.attrs);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (Some((_, capability, _)), syn::Type::Path(subject)) = (&item.trait_, &*item.self_ty)
            && let (Some(capability), Some(subject)) = (capability.segments.last(), subject.path.segments.last())
            // A hand-written Debug shows a length or a name; the derived one would show bytes.
            && capability.ident != "Debug"
        {
            self.proof_is(&subject.ident.to_string(), &capability.ident.to_string(), line(item.span()));
        }
        visit::visit_item_impl(self, item);
    }
}

impl Walk<'_> {
    fn static_state(&mut self, line: usize) {
        if !MAY_HOLD_STATE.contains(&self.source.home.as_str()) {
            self.say(line, "static state outside `app`");
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}
