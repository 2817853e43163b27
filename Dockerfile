# Builds with the BuildKit of Docker 20.10 and later. Every base is an argument, so that the build also works with local stand-ins.
#   docker build --build-arg LOGTO_VERSION=1.43.0 -t logto-migrate-init:1.43.0 .     Logto's image and the executable
#   docker build --target tool -t logto-migrate-init:tool .                          the executable alone, for any Logto version
#   docker build --build-arg LOGTO_VERSION=1.43.0 --build-arg POSTGRES_CLIENT=17 -t logto-migrate-init:1.43.0 .     the first with pg_dump, for backups
# With --build-arg EXECUTABLE=prebuilt nothing is compiled: the file that PREBUILT names is taken, of a release or of ./test.sh.

# The executable is static and needs nothing of the image that it runs in, so it is built where its compiler feels at home.
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG EXECUTABLE=compiled
# No default: an image of another release than the one meant must not come out by chance. The tag that stands in is the error message.
ARG LOGTO_VERSION
ARG LOGTO_IMAGE=svhd/logto:${LOGTO_VERSION:-set-the-build-argument-LOGTO_VERSION}
# Backups and restores need PostgreSQL's client, of the server's major (such as 17) or a newer one. Unset, the image has none.
ARG POSTGRES_CLIENT
# From Logto 1.21 on, the CLI writes only into its alteration-scripts folder, which belongs to group 0 and is writable for it.
# An older target replaces the folder itself: build with INIT_USER=0:0.
ARG INIT_USER=65532:0

FROM ${SDK_IMAGE} AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils cmake gcc libc6-dev libssl-dev lld make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src src
ARG VERSION=0.0.0-dev
ARG REVISION=
# The packages stay in BuildKit's cache, so that only the first build downloads them.
RUN --mount=type=cache,target=/root/.nuget/packages \
    dotnet publish src/LogtoMigrateInit --use-current-runtime -c Release -o /out -p:Version=${VERSION} -p:SourceRevisionId=${REVISION}

FROM scratch AS compiled
COPY --from=build --chmod=0755 /out/logto-migrate-init /

FROM scratch AS prebuilt
ARG PREBUILT=artifacts/native/logto-migrate-init
COPY --chmod=0755 ${PREBUILT} /logto-migrate-init

FROM ${EXECUTABLE} AS executable

FROM scratch AS tool
ARG VERSION=0.0.0-dev
ARG REVISION=
ARG SOURCE=
ARG CREATED=
LABEL org.opencontainers.image.title="logto-migrate-init" \
      org.opencontainers.image.description="The executable alone, to be installed beside a Logto image" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=executable /logto-migrate-init /
USER 65532:0
ENTRYPOINT ["/logto-migrate-init"]
CMD ["--help"]

FROM ${LOGTO_IMAGE} AS logto

FROM logto AS logto-with-client
ARG POSTGRES_CLIENT
ARG INIT_USER
# Only for the next line: a fork of Logto's image may run as somebody who cannot install.
USER 0:0
# A volume that is new takes over the owner of the folder that it is mounted on, so logto-migrate-init may write to it without being root.
RUN if command -v apk >/dev/null; then \
      apk add --no-cache "postgresql${POSTGRES_CLIENT}-client"; \
    elif command -v apt-get >/dev/null; then \
      apt-get update -qq \
      && apt-get install -y -qq --no-install-recommends "postgresql-client-${POSTGRES_CLIENT}" \
      && apt-get clean \
      && rm -rf /var/lib/apt/lists/*; \
    else \
      echo "POSTGRES_CLIENT=${POSTGRES_CLIENT}: this image of Logto has neither apk nor apt-get. Add pg_dump and pg_restore to it yourself, name the result in LOGTO_IMAGE, and leave POSTGRES_CLIENT unset." >&2; \
      exit 1; \
    fi \
    && mkdir -p -m 0770 /backups && chown "${INIT_USER}" /backups

# Two stages and no condition inside of one, because a RUN that does nothing is a layer, too.
FROM logto${POSTGRES_CLIENT:+-with-client} AS init
ARG LOGTO_IMAGE
ARG VERSION=0.0.0-dev
ARG REVISION=
ARG SOURCE=
ARG CREATED=
ARG INIT_USER
# Each label that Logto's image may have is set, to nothing if need be: what it says there is not about this image.
LABEL org.opencontainers.image.title="logto-migrate-init" \
      org.opencontainers.image.description="Upgrades Logto's database to match the image that is about to start" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.url="" \
      org.opencontainers.image.documentation="" \
      org.opencontainers.image.authors="" \
      org.opencontainers.image.vendor="" \
      org.opencontainers.image.ref.name="" \
      org.opencontainers.image.base.digest="" \
      org.opencontainers.image.licenses="MIT AND MPL-2.0" \
      org.opencontainers.image.base.name="${LOGTO_IMAGE}"
COPY --from=executable /logto-migrate-init /usr/local/bin/
USER ${INIT_USER}
ENTRYPOINT ["/usr/local/bin/logto-migrate-init"]
CMD []
