//! The building blocks of the route table: a handler never comes without the operation that describes it.
//!
//! Whoever adds a route has to say what it does, and the document at `/openapi.json` is made of what was said. The
//! methods a path takes are counted here too, for the header `Allow`. Which routes there are is said in [`crate::router`].

use axum::{
    Router,
    handler::Handler,
    http::HeaderValue,
    routing::{self, MethodRouter},
};

use crate::{app::App, error::ApiError, openapi::operation::Operation};

/// A path, one of its methods, and what that does.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// With the names of parameters in braces.
    pub(crate) path: String,
    /// In capitals.
    pub(crate) method: &'static str,
    /// What the document says.
    pub(crate) operation: Operation,
}

/// Routes and what they do, side by side.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    router: Router<App>,
    table: Vec<Route>,
}

impl Routes {
    /// Adds a path. Other methods than these are answered 405.
    pub(crate) fn route(self, path: &str, methods: Methods) -> Self {
        let allow = methods.allow();
        let refuse = move || async move { ApiError::method_not_allowed(allow) };
        self.add(path, methods, refuse)
    }

    /// Adds a path that does not exist for other methods.
    pub(crate) fn route_or_404(self, path: &str, methods: Methods) -> Self {
        self.add(path, methods, || async { ApiError::not_found() })
    }

    /// Adds what is answered before anything is routed.
    pub(crate) fn answered_before(mut self, path: &str, operation: Operation) -> Self {
        self.table.push(Route {
            path: path.to_owned(),
            method: "GET",
            operation,
        });
        self
    }

    /// The router and the table.
    pub(crate) fn into_parts(self) -> (Router<App>, Vec<Route>) {
        (self.router, self.table)
    }

    /// `refuse` answers HEAD too, which axum would otherwise answer like GET.
    fn add<H, T>(mut self, path: &str, methods: Methods, refuse: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let handlers = methods.handlers.head(refuse.clone()).fallback(refuse);
        self.router = self.router.route(path, handlers);
        self.table.extend(
            methods
                .operations
                .into_iter()
                .map(|(method, operation)| Route {
                    path: path.to_owned(),
                    method,
                    operation,
                }),
        );
        self
    }
}

/// The methods of a path, in the order in which `Allow` lists them.
#[derive(Debug)]
pub(crate) struct Methods {
    handlers: MethodRouter<App>,
    operations: Vec<(&'static str, Operation)>,
}

impl Methods {
    fn allow(&self) -> HeaderValue {
        let methods: Vec<&str> = self.operations.iter().map(|(method, _)| *method).collect();
        HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static("GET"))
    }
}

macro_rules! first_method {
    ($($function:ident $method:literal)+) => {$(
        #[doc = concat!("A path that takes ", $method, ".")]
        pub(crate) fn $function<H, T>(handler: H, operation: Operation) -> Methods
        where
            H: Handler<T, App>,
            T: 'static,
        {
            Methods {
                handlers: routing::$function(handler),
                operations: vec![($method, operation)],
            }
        }
    )+};
}

macro_rules! further_method {
    ($($function:ident $method:literal)+) => {
        impl Methods {$(
            #[doc = concat!("The path takes ", $method, " as well.")]
            pub(crate) fn $function<H, T>(mut self, handler: H, operation: Operation) -> Self
            where
                H: Handler<T, App>,
                T: 'static,
            {
                self.handlers = self.handlers.$function(handler);
                self.operations.push(($method, operation));
                self
            }
        )+}
    };
}

first_method! { get "GET" post "POST" put "PUT" delete "DELETE" }
further_method! { post "POST" put "PUT" patch "PATCH" delete "DELETE" }
