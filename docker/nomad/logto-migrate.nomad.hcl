# Migrates with a backup first, where `logto.nomad.hcl` alone would do it without; that one then finds nothing pending. A job of its own,
# because Logto's allocations run on any client, and the backups lie on one. The image is built with POSTGRES_CLIENT. Before the first run:
#   nomad var put nomad/jobs/logto-migrate DB_URL='postgres://user:password@host:5432/logto'
# and a host volume `logto-backups` on one client, whose folder belongs to user 65532.
#   nomad job run -var logto_version=1.43.0 logto-migrate.nomad.hcl    then logto.nomad.hcl with the same version
# Add -var init_image=REGISTRY/logto-migrate-init to each command: the clients pull it from there.
# The way back: the allocation's log names the file. Stop Logto (nomad job stop logto), and
#   nomad job run -var logto_version=1.43.0 -var 'arguments=["restore","--yes","/backups/FILE"]' logto-migrate.nomad.hcl
# and start Logto with its old version.
variable "logto_version" {
  type        = string
  default     = "1.43.0"
  description = "The Logto release; the image of logto-migrate-init has the same tag."
}

variable "init_image" {
  type    = string
  default = "logto-migrate-init"
}

variable "arguments" {
  type    = list(string)
  default = ["migrate"]
}

job "logto-migrate" {
  type = "batch"

  # Nomad does not run a batch job again that has not changed.
  meta {
    run = "${uuidv4()}"
  }

  group "logto" {
    volume "backups" {
      type   = "host"
      source = "logto-backups"
    }

    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "migrate" {
      driver = "docker"

      config {
        image           = "${var.init_image}:${var.logto_version}"
        args            = var.arguments
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

      volume_mount {
        volume      = "backups"
        destination = "/backups"
      }

      env {
        LOGTO_INIT_BACKUP_DIR = "/backups"
      }

      template {
        data        = <<-EOF
          {{ with nomadVar "nomad/jobs/logto-migrate" }}DB_URL={{ .DB_URL }}{{ end }}
        EOF
        destination = "secrets/database.env"
        env         = true
      }

      kill_timeout = "20s"

      resources {
        cpu    = 200
        memory = 512
      }
    }
  }
}
