entry:
  - name: $[[name]]
    network:
      binding: $[[binding_host]]
    tls.enabled: $[[tls_on_entry]]
    router: $[[name]]_router
router:
  - name: $[[name]]_router
    default_flow: $[[name]]_flow
flow:
  - name: $[[name]]_flow
    filter:
      - elasticsearch:
          elasticsearch: $[[name]]
      - echo:
          message: $[[_ctx.request.path]]
elasticsearch:
  - name: $[[name]]
    endpoint: $[[endpoint]]
