# The secret first:  nomad var put nomad/jobs/logto DB_URL='postgres://user:password@host:5432/logto'
#                    nomad job run -var logto_version=1.43.0 -var seed=create logto.nomad.hcl     the first installation
#                    nomad job run -var logto_version=1.43.0 logto.nomad.hcl                      ever after
# The clients pull the image of logto-migrate-init from your registry: add -var init_image=REGISTRY/logto-migrate-init to each command.
variable "logto_version" {
  type        = string
  default     = "1.43.0"
  description = "The Logto release; the image of logto-migrate-init has the same tag."
}

variable "seed" {
  type        = string
  default     = "false"
  description = "create, for the first installation only: an empty database, such as that of a mistyped DB_URL, is else an error."
}

variable "init_image" {
  type    = string
  default = "logto-migrate-init"
}

variable "logto_image" {
  type    = string
  default = "svhd/logto"
}

job "logto" {
  type = "service"

  # A big migration takes longer than the default of five minutes; a deployment may not give up meanwhile.
  update {
    healthy_deadline  = "55m"
    progress_deadline = "1h"
    # Never true: the database does not go back with the job. When the new Logto does not become healthy, read the log of `migrate` first.
    auto_revert = false
  }

  group "logto" {
    count = 2

    network {
      port "http" {
        to = 3001
      }
      port "admin" {
        to = 3002
      }
    }

    service {
      name     = "logto"
      provider = "nomad"
      port     = "http"

      check {
        type     = "http"
        path     = "/api/status"
        interval = "10s"
        timeout  = "2s"
      }
    }

    # Runs before Logto, to its end; when it fails, Logto is not started and the allocation shows the exit code.
    task "migrate" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = false
      }

      config {
        image           = "${var.init_image}:${var.logto_version}"
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]

        mount {
          type   = "tmpfs"
          target = "/etc/logto/packages/cli/alteration-scripts"
          tmpfs_options {
            size = 67108864
          }
        }
      }

      env {
        # An old allocation that is moved after the migration meets a newer database and must be able to start on it.
        LOGTO_INIT_AHEAD = "allow"
        LOGTO_INIT_SEED  = var.seed
      }

      template {
        data        = <<-EOF
          {{ with nomadVar "nomad/jobs/logto" }}DB_URL={{ .DB_URL }}{{ end }}
        EOF
        destination = "secrets/database.env"
        env         = true
      }

      restart {
        attempts = 3
        delay    = "15s"
        mode     = "fail"
      }

      kill_timeout = "20s"

      resources {
        cpu    = 200
        memory = 512
      }
    }

    task "logto" {
      driver = "docker"

      config {
        image = "${var.logto_image}:${var.logto_version}"
        ports = ["http", "admin"]
      }

      env {
        ENDPOINT           = "http://localhost:3001"
        ADMIN_ENDPOINT     = "http://localhost:3002"
        TRUST_PROXY_HEADER = "1"
      }

      template {
        data        = <<-EOF
          {{ with nomadVar "nomad/jobs/logto" }}DB_URL={{ .DB_URL }}{{ end }}
        EOF
        destination = "secrets/database.env"
        env         = true
      }

      resources {
        cpu    = 500
        memory = 1024
      }
    }
  }
}
