# Every base image is an argument, so that the build works with local stand-ins.
# svhd/logto is Alpine, so the binary is built on musl.
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0-alpine-aot
ARG LOGTO_VERSION=latest
ARG LOGTO_IMAGE=svhd/logto:${LOGTO_VERSION}

FROM ${SDK_IMAGE} AS build
ARG VERSION=0.0.0-dev
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/LogtoMigrateInit/LogtoMigrateInit.csproj src/LogtoMigrateInit/
RUN dotnet restore src/LogtoMigrateInit --use-current-runtime
COPY .editorconfig ./
COPY src src
RUN dotnet publish src/LogtoMigrateInit --no-restore --use-current-runtime -c Release -o /out -p:Version=${VERSION} && rm -f /out/*.dbg

FROM ${LOGTO_IMAGE} AS init
COPY --from=build /out/logto-migrate-init /usr/local/bin/logto-migrate-init
ENTRYPOINT ["/usr/local/bin/logto-migrate-init"]
