# Not used by hozon yet. It starts sealed and empty: `bao operator init` is for the day when it is.

ui = false

storage "raft" {
  path    = "/openbao/data"
  node_id = "openbao-1"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  tls_cert_file   = "/run/secrets/openbao-certificate"
  tls_key_file    = "/run/secrets/openbao-key"
  tls_min_version = "tls13"
}

api_addr     = "https://openbao:8200"
cluster_addr = "https://openbao:8201"
