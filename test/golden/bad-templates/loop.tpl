configs.template:
  - path: loop.tpl
