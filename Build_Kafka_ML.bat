@echo off
rem Builds Kafka-ML's images, and installs, rebuilds or removes Kafka-ML in a Kubernetes cluster: what Build_Kafka_ML.sh does,
rem on Windows. Where Git Bash or WSL is there it hands over to that script; else it takes the same steps itself, with
rem kubectl and docker or podman. Without an action it shows a menu; --help says the rest.
setlocal EnableExtensions DisableDelayedExpansion
pushd "%~dp0"

rem Git Bash uses the docker and kubectl of Windows; WSL has its own, so it is taken only where it has kubectl.
set GIT_BASH=none
for /f "delims=" %%G in ('where git.exe 2^>nul') do set GIT_BASH=%%~dpG..\bin\bash.exe
if not exist "%GIT_BASH%" goto :no_git_bash
"%GIT_BASH%" ./Build_Kafka_ML.sh %*
goto :leave
:no_git_bash
wsl.exe --exec bash -c "command -v kubectl" >nul 2>nul
if errorlevel 1 goto :native
wsl.exe --exec bash ./Build_Kafka_ML.sh %*
goto :leave
:native
setlocal EnableDelayedExpansion

rem The one list of images, as in Build_Kafka_ML.sh: the first five run as Deployments, the others are launched.
set IMAGES=backend frontend tfexecutor pthexecutor kafka_control_logger model_training_tensorflow model_training_pytorch model_inference_tensorflow model_inference_pytorch
set DEPLOYMENTS=backend frontend tfexecutor pthexecutor kafka-control-logger
set WORK_IMAGES=model_training_tensorflow model_training_pytorch model_inference_tensorflow model_inference_pytorch

set ACTION=
set REBUILD=
set NAMESPACE=kafka-ml
set REGISTRY=
set LOCAL_BUILD=no
set LOAD=
set OVERLAY=
set WITH=
set GPU=
set TAG=
set ENGINE=
set KUBECTL=kubectl
set DRY_RUN=no
set KEEP_DATA=no
set YES=no
set BUILD=yes
set TIMEOUT_SECONDS=600
set UNKNOWN=
set LIST=
set ALL=

:options
if "%~1"=="" goto :options_done
if "%~1"=="--help" goto :help
if "%~1"=="--install" set ACTION=install& shift & goto :options
if "%~1"=="--status" set ACTION=status& shift & goto :options
if "%~1"=="--login-link" set ACTION=login_link& shift & goto :options
if "%~1"=="--uninstall" set ACTION=uninstall& shift & goto :options
if "%~1"=="--local-build" set LOCAL_BUILD=yes& shift & goto :options
if "%~1"=="--gpu" set GPU=gpu& shift & goto :options
if "%~1"=="--no-build" set BUILD=no& shift & goto :options
if "%~1"=="--keep-data" set KEEP_DATA=yes& shift & goto :options
if "%~1"=="--yes" set YES=yes& shift & goto :options
if "%~1"=="--dry-run" set DRY_RUN=yes& shift & goto :options
set OPTION=%~1
rem cmd.exe takes a comma as a space: what follows one belongs to the list before it.
if not "%OPTION:~0,1%"=="-" if "%LIST%"=="REBUILD" set REBUILD=%REBUILD% %OPTION%& shift & goto :options
if not "%OPTION:~0,1%"=="-" if "%LIST%"=="WITH" set WITH=%WITH% %OPTION%& shift & goto :options
set LIST=
rem All others have a value.
set VALUE=%~2
if "%~1"=="--rebuild" set ACTION=rebuild& set REBUILD=!REBUILD! !VALUE!& set LIST=REBUILD& goto :two
if "%~1"=="--context" set KUBECTL=!KUBECTL! --context "!VALUE!"& goto :two
if "%~1"=="--kubeconfig" set KUBECTL=!KUBECTL! --kubeconfig "!VALUE!"& goto :two
if "%~1"=="--namespace" set NAMESPACE=!VALUE!& goto :two
if "%~1"=="--overlay" set OVERLAY=!VALUE!& goto :two
if "%~1"=="--with" set WITH=!WITH! !VALUE!& set LIST=WITH& goto :two
if "%~1"=="--registry" set REGISTRY=!VALUE!& goto :two
if "%~1"=="--load" set LOAD=!VALUE!& goto :two
if "%~1"=="--engine" set ENGINE=!VALUE!& goto :two
if "%~1"=="--tag" set TAG=!VALUE!& goto :two
if "%~1"=="--timeout" set TIMEOUT_SECONDS=!VALUE!& goto :two
echo %OPTION% is not known; Build_Kafka_ML.bat --help lists what there is.
set STATUS=2
goto :leave_with
:two
if "!VALUE!"=="" echo %OPTION% wants a value& set STATUS=2& goto :leave_with
shift
shift
goto :options
:options_done

if not "%REGISTRY%"=="" if "%LOCAL_BUILD%"=="yes" echo --registry pushes images and --local-build does not: give one of them& set STATUS=2& goto :leave_with
set WORK=build\kubernetes\%NAMESPACE%
if "%DRY_RUN%"=="yes" set WORK=build\kubernetes-dry-run\%NAMESPACE%
if not exist "%WORK%\images" mkdir "%WORK%\images"
for %%C in (%REBUILD%) do (
  set KNOWN=
  for %%I in (%IMAGES% all) do if "%%C"=="%%I" set KNOWN=yes
  if not defined KNOWN set UNKNOWN=%%C
  if "%%C"=="all" set ALL=yes
)
if defined UNKNOWN echo there is no component %UNKNOWN%; there are: %IMAGES% and all& set STATUS=2& goto :leave_with
if defined ALL set REBUILD=%IMAGES%

if "%ACTION%"=="" goto :menu
call :%ACTION%
set STATUS=%errorlevel%
goto :leave_with

rem --- The menu ---------------------------------------------------------------------------------------------------------

:menu
echo Kafka-ML on Kubernetes, namespace %NAMESPACE%
echo   0^) Fresh install: build all images and install (run again, it keeps all data^)
set NUMBER=0
for %%I in (%IMAGES%) do (
  set /a NUMBER+=1
  echo   !NUMBER!^) Rebuild %%I
)
echo   s^) Status    l^) Login link    u^) Uninstall    q^) Quit
set CHOICE=
set /p "CHOICE=> "
rem Also where there is nobody to answer.
if not defined CHOICE goto :leave
if "%CHOICE%"=="q" goto :leave
if "%CHOICE%"=="0" call :fresh_install
set NUMBER=0
for %%I in (%IMAGES%) do call :chosen %%I
if "%CHOICE%"=="s" call :status
if "%CHOICE%"=="l" call :login_link
if "%CHOICE%"=="u" call :uninstall
goto :menu

:fresh_install
if "%REGISTRY%%LOAD%%LOCAL_BUILD%"=="no" set /p "REGISTRY=Registry (HOST:PORT) that this machine and all nodes reach; empty: none, images are kept or loaded: "
if "%REGISTRY%"=="" set LOCAL_BUILD=yes
call :install
exit /b %errorlevel%

rem chosen COMPONENT: rebuilds it where its number was chosen.
:chosen
set /a NUMBER+=1
if not "%CHOICE%"=="%NUMBER%" exit /b 0
set REBUILD=%1
call :rebuild
exit /b %errorlevel%

rem --- Actions ----------------------------------------------------------------------------------------------------------

:install
if "%TAG%"=="" if "%GPU%"=="gpu" (set TAG=0.1.0-gpu) else (set TAG=0.1.0)
if "%OVERLAY%"=="" if "%GPU%"=="gpu" (set OVERLAY=gpu) else (set OVERLAY=local)
if not "%DRY_RUN%"=="yes" (
  call :check_cluster
  if errorlevel 1 exit /b 1
)
call :choose_destination
if errorlevel 1 exit /b 1
if "%BUILD%"=="yes" (
  call :choose_engine
  if errorlevel 1 exit /b 1
  call :build_images %IMAGES%
  if errorlevel 1 exit /b 1
)
call :render
if errorlevel 1 exit /b 1
echo Platform: overlay %OVERLAY%%WITH%, namespaces %NAMESPACE% and %NAMESPACE%-jobs, manifests in %WORK%\manifests.yaml
rem A Job cannot be changed: the one of an earlier installation goes first. What it made, a Secret, stays.
if not "%DRY_RUN%"=="yes" %KUBECTL% --namespace %NAMESPACE% delete job make-secrets --ignore-not-found >nul 2>nul
call :change %KUBECTL% apply --server-side --force-conflicts --field-manager=kafka-ml -f "%WORK%\manifests.yaml"
if errorlevel 1 exit /b 1
if "%DRY_RUN%"=="yes" exit /b 0
for %%D in (%DEPLOYMENTS%) do (
  call :await deployment/%%D
  if errorlevel 1 exit /b 1
)
call :addresses
call :login_link
exit /b %errorlevel%

:rebuild
call :remember_installation
if errorlevel 1 exit /b 1
call :choose_destination
if errorlevel 1 exit /b 1
call :choose_engine
if errorlevel 1 exit /b 1
call :build_images %REBUILD%
if errorlevel 1 exit /b 1
for %%C in (%REBUILD%) do (call :restart %%C & if errorlevel 1 exit /b 1)
exit /b 0

:status
%KUBECTL% --namespace %NAMESPACE% get deployments,statefulsets,jobs,pods,persistentvolumeclaims
%KUBECTL% --namespace %NAMESPACE%-jobs get jobs,statefulsets,pods
call :addresses
exit /b 0

:login_link
if not "%DRY_RUN%"=="yes" echo Log in (once, within 15 minutes; --login-link prints another^):
call :change %KUBECTL% --namespace %NAMESPACE% exec deployment/backend --container web -- python -m backend.manage login_link
exit /b %errorlevel%

:uninstall
set ANSWER=y
if not "%DRY_RUN%"=="yes" (
  call :ours %NAMESPACE%
  if errorlevel 1 exit /b 1
  call :ours %NAMESPACE%-jobs
  if errorlevel 1 exit /b 1
)
if not "%DRY_RUN%%YES%"=="nono" goto :uninstall_agreed
set ANSWER=
set WHAT=database, models, topics and keys included
if "%KEEP_DATA%"=="yes" set WHAT=but not volumes and keys
set /p "ANSWER=Remove namespaces %NAMESPACE% and %NAMESPACE%-jobs with all that is in them, %WHAT%? [y/N] "
if /i not "%ANSWER%"=="y" echo nothing was removed& exit /b 1
:uninstall_agreed
rem The controller goes first, so that it launches nothing anew. It is not there where an installation failed early.
call :change %KUBECTL% --namespace %NAMESPACE% scale deployment/backend --replicas=0
call :change %KUBECTL% --namespace %NAMESPACE% wait --for=delete pod --selector app.kubernetes.io/name=backend --timeout=%TIMEOUT_SECONDS%s
call :change %KUBECTL% delete namespace %NAMESPACE%-jobs --ignore-not-found --timeout=%TIMEOUT_SECONDS%s
if errorlevel 1 exit /b 1
if "%KEEP_DATA%"=="yes" (
  call :change %KUBECTL% --namespace %NAMESPACE% delete deployments,statefulsets,jobs,pods,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,ingresses,resourcequotas,limitranges --selector app.kubernetes.io/part-of=kafka-ml --timeout=%TIMEOUT_SECONDS%s
  if errorlevel 1 exit /b 1
) else (
  call :change %KUBECTL% delete namespace %NAMESPACE% --ignore-not-found --timeout=%TIMEOUT_SECONDS%s
  if errorlevel 1 exit /b 1
)
if not "%DRY_RUN%"=="yes" echo Kafka-ML is removed; volumes whose policy is Retain are listed here:& %KUBECTL% get persistentvolumes
exit /b 0

rem --- Parts ------------------------------------------------------------------------------------------------------------

rem change COMMAND...: whatever alters an image, a registry or a cluster; a dry run prints it instead.
:change
if "%DRY_RUN%"=="yes" (
  echo   + %*
  exit /b 0
)
%*
if errorlevel 1 echo failed: %*& echo   what to do: mend what the lines above say and run the same again& exit /b 1
exit /b 0

:choose_engine
if "%ENGINE%"=="buildah" echo buildah does not run on Windows: use docker or podman, or run Build_Kafka_ML.sh in WSL& exit /b 1
if not "%ENGINE%"=="" exit /b 0
for %%E in (podman docker) do %%E info >nul 2>nul && set ENGINE=%%E
if "%DRY_RUN%%ENGINE%"=="yes" set ENGINE=docker
if "%ENGINE%"=="" echo no container engine works here: start Docker Desktop, or install podman; --engine names one& exit /b 1
exit /b 0

:choose_destination
if not "%REGISTRY%"=="" set LOAD=none& exit /b 0
if not "%LOAD%"=="" exit /b 0
set CURRENT=
if not "%DRY_RUN%"=="yes" for /f "delims=" %%X in ('%KUBECTL% config view --minify --output "jsonpath={.contexts[0].name}" 2^>nul') do set CURRENT=%%X
if "%CURRENT:~0,5%"=="kind-" set LOAD=kind:%CURRENT:~5%
if "%CURRENT:~0,4%"=="k3d-" set LOAD=k3d:%CURRENT:~4%
if "%CURRENT%"=="minikube" set LOAD=minikube
for %%X in (docker-desktop rancher-desktop) do if "%CURRENT%"=="%%X" set LOAD=none
if not "%LOAD%"=="" exit /b 0
set LOAD=none
if "%LOCAL_BUILD%%DRY_RUN%"=="nono" echo context %CURRENT% does not tell how its nodes get images: give --registry HOST:PORT, or --local-build with --load HOW& exit /b 1
exit /b 0

:names
rem names COMPONENT: as pods name its image, and as the engine does. podman would put localhost/ before a short name.
set CLUSTER_IMAGE=kafka-ml/%1
if not "%REGISTRY%"=="" set CLUSTER_IMAGE=%REGISTRY%/kafka-ml/%1
set ENGINE_IMAGE=%CLUSTER_IMAGE%:%TAG%
if "%REGISTRY%"=="" if "%ENGINE%"=="podman" set ENGINE_IMAGE=docker.io/%CLUSTER_IMAGE%:%TAG%
exit /b 0

:build_images
set ACCELERATOR=
if "%GPU%"=="gpu" set ACCELERATOR=--build-arg ACCELERATOR=gpu
set COUNT=0
for %%C in (%*) do set /a COUNT+=1
set NUMBER=0
for %%C in (%*) do (
  set /a NUMBER+=1
  echo [!NUMBER!/%COUNT%] %%C
  call :build_image %%C
  if errorlevel 1 exit /b 1
)
exit /b 0

:build_image
call :names %1
call :change %ENGINE% build --target %1 --tag %ENGINE_IMAGE% --file Dockerfile %ACCELERATOR% %BUILD_OPTIONS% .
if errorlevel 1 exit /b 1
if "%REGISTRY%"=="" call :load_image
if errorlevel 1 exit /b 1
if not "%REGISTRY%"=="" call :change %ENGINE% push %PUSH_OPTIONS% %ENGINE_IMAGE%
if errorlevel 1 exit /b 1
if "%DRY_RUN%"=="yes" exit /b 0
rem What tells this image from those before: its digest in the registry, else its id.
set FORMAT={{.Id}}
if not "%REGISTRY%"=="" set FORMAT={{index .RepoDigests 0}}
set IDENTITY=
for /f "tokens=1,2 delims=@" %%A in ('%ENGINE% image inspect --format "%FORMAT%" %ENGINE_IMAGE%') do (set IDENTITY=%%A& if not "%%B"=="" set IDENTITY=%%B)
>"%WORK%\images\%1" echo %CLUSTER_IMAGE%:%TAG% %IDENTITY%
exit /b 0

:identity_of
set IDENTITY=
call :names %1
if exist "%WORK%\images\%1" for /f "usebackq tokens=1,2" %%X in ("%WORK%\images\%1") do if "%%X"=="%CLUSTER_IMAGE%:%TAG%" set IDENTITY=%%Y
exit /b 0

:load_image
if "%LOAD%"=="none" exit /b 0
set NAME=
for /f "tokens=1,2 delims=:" %%A in ("%LOAD%") do (set HOW=%%A& set NAME=%%B)
set FILE=%WORK%\image.tar
if exist "%FILE%" del "%FILE%"
ver >nul
rem kind, minikube and k3d take docker's images by their name, and podman's as a file.
set SOURCE=%ENGINE_IMAGE%
if "%HOW%"=="kind" goto :load_by_tool
if "%HOW%"=="minikube" goto :load_by_tool
if "%HOW%"=="k3d" goto :load_by_tool
if not "%LOAD%"=="!LOAD:{archive}=!" call :save_image
if errorlevel 1 exit /b 1
set COMMAND=!LOAD:{image}=%ENGINE_IMAGE%!
set COMMAND=!COMMAND:{archive}=%FILE%!
call :change %COMMAND%
exit /b %errorlevel%
:load_by_tool
if not "%ENGINE%"=="docker" call :save_image
if errorlevel 1 exit /b 1
if "%HOW%"=="minikube" goto :load_minikube
if "%HOW%"=="k3d" goto :load_k3d
if "%NAME%"=="" set NAME=kind
set KIND=docker-image
if not "%ENGINE%"=="docker" set KIND=image-archive
call :change kind load %KIND% "%SOURCE%" --name %NAME%
exit /b %errorlevel%
:load_minikube
if "%NAME%"=="" set NAME=minikube
call :change minikube --profile %NAME% image load "%SOURCE%"
exit /b %errorlevel%
:load_k3d
if "%NAME%"=="" set NAME=k3s-default
call :change k3d image import "%SOURCE%" --cluster %NAME%
exit /b %errorlevel%

:save_image
set SOURCE=%FILE%
call :change %ENGINE% save --output "%FILE%" %ENGINE_IMAGE%
exit /b %errorlevel%

:check_cluster
set MINOR=
for /f "tokens=2 delims=:, " %%V in ('%KUBECTL% get --raw /version ^| findstr "minor"') do set MINOR=%%~V
if "%MINOR%"=="" echo the cluster does not answer: kubectl config get-contexts lists those that kubectl knows, --context names one& exit /b 1
if %MINOR:+=% LSS 28 echo Kubernetes 1.%MINOR% is too old: upgrade the cluster to 1.28 or newer& exit /b 1
%KUBECTL% get storageclasses --output "jsonpath={.items[*].metadata.annotations}" | findstr /c:"is-default-class\":\"true\"" >nul || (
  echo no storage class is the default one: kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true
  exit /b 1
)
for %%K in (namespaces deployments.apps statefulsets.apps roles.rbac.authorization.k8s.io networkpolicies.networking.k8s.io) do (
  %KUBECTL% auth can-i create %%K --all-namespaces >nul 2>nul || (
    echo you may not create %%K: ask the cluster's administrator for that right, or to run this script
    exit /b 1
  )
)
call :ours %NAMESPACE%
if errorlevel 1 exit /b 1
call :ours %NAMESPACE%-jobs
exit /b %errorlevel%

rem ours NAMESPACE: refuses one that is there and belongs to others.
:ours
%KUBECTL% get namespace %1 >nul 2>nul || exit /b 0
for /f "delims=" %%X in ('%KUBECTL% get namespace %1 --output "jsonpath={.metadata.labels.app\.kubernetes\.io/part-of}"') do if "%%X"=="kafka-ml" exit /b 0
echo namespace %1 is there and not Kafka-ML's: --namespace another, or kubectl label namespace %1 app.kubernetes.io/part-of=kafka-ml
exit /b 1

:remember_installation
if "%DRY_RUN%"=="yes" (
  if "%TAG%"=="" set TAG=0.1.0
  exit /b 0
)
set CONFIGURATION=
set TEMPLATE=
for /f "delims=" %%X in ('%KUBECTL% --namespace %NAMESPACE% get deployment backend --ignore-not-found --output "jsonpath={.spec.template.spec.containers[0].envFrom[0].configMapRef.name}"') do set CONFIGURATION=%%X
if "%CONFIGURATION%"=="" echo Kafka-ML is not installed in namespace %NAMESPACE%: --install installs it& exit /b 1
for /f "delims=" %%X in ('%KUBECTL% --namespace %NAMESPACE% get configmap %CONFIGURATION% --output "jsonpath={.data.KML_KUBERNETES_IMAGE}"') do set TEMPLATE=%%X
set WAS_TAG=%TEMPLATE:*{component}:=%
set WAS_REGISTRY=!TEMPLATE:kafka-ml/{component}:%WAS_TAG%=!
if not "%WAS_REGISTRY%"=="" set WAS_REGISTRY=%WAS_REGISTRY:~0,-1%
if not "%TAG%"=="" if not "%TAG%"=="%WAS_TAG%" goto :other_images
if not "%REGISTRY%"=="" if not "%REGISTRY%"=="%WAS_REGISTRY%" goto :other_images
if "%LOCAL_BUILD%"=="yes" if not "%WAS_REGISTRY%"=="" goto :other_images
set TAG=%WAS_TAG%
set REGISTRY=%WAS_REGISTRY%
if "%REGISTRY%"=="" set LOCAL_BUILD=yes
for /f "delims=" %%X in ('%KUBECTL% get namespace %NAMESPACE% --output "jsonpath={.metadata.annotations.kafka-ml/accelerator}"') do set GPU=%%X
if "%LOAD%"=="" for /f "delims=" %%X in ('%KUBECTL% get namespace %NAMESPACE% --output "jsonpath={.metadata.annotations.kafka-ml/load}"') do set LOAD=%%X
exit /b 0
:other_images
echo the installed platform takes its images from %TEMPLATE%: leave --registry, --local-build and --tag out, or --install anew
exit /b 1

:render
set BASE=../../../k8s/overlays/%OVERLAY%
if not exist "k8s\overlays\%OVERLAY%\kustomization.yaml" (
  set BASE=../../../%OVERLAY:\=/%
  if not exist "%OVERLAY%\kustomization.yaml" echo --overlay %OVERLAY% is neither in k8s\overlays nor a folder below this one& exit /b 2
)
set POLICY=IfNotPresent
if not "%REGISTRY%"=="" set POLICY=Always
call :names {component}
> "%WORK%\kustomization.yaml" echo apiVersion: kustomize.config.k8s.io/v1beta1
>>"%WORK%\kustomization.yaml" echo kind: Kustomization
>>"%WORK%\kustomization.yaml" echo resources: [%BASE%]
if not "%WITH%"=="" >>"%WORK%\kustomization.yaml" echo components:
for %%W in (%WITH%) do >>"%WORK%\kustomization.yaml" echo - ../../../k8s/components/%%W
>>"%WORK%\kustomization.yaml" echo patches:
>>"%WORK%\kustomization.yaml" echo - target: {kind: ConfigMap, name: platform}
>>"%WORK%\kustomization.yaml" echo   patch: '[{"op": "add", "path": "/data/KML_KUBERNETES_IMAGE", "value": "%CLUSTER_IMAGE%:%TAG%"}, {"op": "add", "path": "/data/KML_KUBERNETES_IMAGE_PULL_POLICY", "value": "%POLICY%"}]'
>>"%WORK%\kustomization.yaml" echo - patch: '{apiVersion: v1, kind: Namespace, metadata: {name: kafka-ml, annotations: {kafka-ml/accelerator: "%GPU%", kafka-ml/load: "%LOAD%"}}}'
if "%REGISTRY%"=="" for %%C in (%IMAGES%) do call :write_annotation %%C
if "%NAMESPACE%"=="kafka-ml" goto :named
call :rename kafka-ml %NAMESPACE%
call :rename kafka-ml-jobs %NAMESPACE%-jobs
>>"%WORK%\kustomization.yaml" echo - target: {kind: RoleBinding}
>>"%WORK%\kustomization.yaml" echo   patch: '[{"op": "replace", "path": "/subjects/0/namespace", "value": "%NAMESPACE%"}]'
:named
>>"%WORK%\kustomization.yaml" echo images:
for %%C in (%IMAGES%) do call :write_image %%C
kubectl kustomize "%WORK%" >"%WORK%\manifests.yaml"
if not errorlevel 1 exit /b 0
echo failed: rendering overlay %OVERLAY%; kubectl 1.28 or newer is needed
exit /b 1

:rename
>>"%WORK%\kustomization.yaml" echo - target: {kind: Namespace, name: %1}
>>"%WORK%\kustomization.yaml" echo   options: {allowNameChange: true}
>>"%WORK%\kustomization.yaml" echo   patch: '[{"op": "replace", "path": "/metadata/name", "value": "%2"}]'
>>"%WORK%\kustomization.yaml" echo - target: {namespace: %1}
>>"%WORK%\kustomization.yaml" echo   patch: '[{"op": "replace", "path": "/metadata/namespace", "value": "%2"}]'
exit /b 0

rem restart COMPONENT: gives what runs it the image that was just built.
:restart
for %%W in (%WORK_IMAGES%) do if "%%W"=="%1" goto :restart_later
call :runner_of %1
call :identity_of %1
if "%REGISTRY%"=="" goto :restart_now
if "%IDENTITY%"=="" goto :restart_now
call :change %KUBECTL% --namespace %NAMESPACE% set image deployment/%RUNNER% *=%REGISTRY%/kafka-ml/%1@%IDENTITY% --field-manager=kafka-ml
if errorlevel 1 exit /b 1
:restart_now
call :change %KUBECTL% --namespace %NAMESPACE% rollout restart deployment/%RUNNER%
if errorlevel 1 exit /b 1
if "%DRY_RUN%"=="yes" exit /b 0
call :await deployment/%RUNNER%
exit /b %errorlevel%
:restart_later
echo New trainings and inferences take the new %1. Replicas that run keep theirs until they are replaced or the inference is deployed again.
exit /b 0

rem runner_of COMPONENT: the Deployment that runs it; empty for what is launched.
:runner_of
set RUNNER=
for %%D in (%DEPLOYMENTS%) do if "%%D"=="%1" set RUNNER=%1
if "%1"=="kafka_control_logger" set RUNNER=kafka-control-logger
exit /b 0

rem write_image COMPONENT and write_annotation COMPONENT: entries of the kustomization.
:write_image
call :identity_of %1
>>"%WORK%\kustomization.yaml" echo - name: kafka-ml/%1
>>"%WORK%\kustomization.yaml" echo   newName: %CLUSTER_IMAGE%
if "%REGISTRY%"=="" goto :write_tag
if "%IDENTITY%"=="" goto :write_tag
>>"%WORK%\kustomization.yaml" echo   digest: %IDENTITY%
exit /b 0
:write_tag
>>"%WORK%\kustomization.yaml" echo   newTag: "%TAG%"
exit /b 0

:write_annotation
call :runner_of %1
call :identity_of %1
if "%RUNNER%"=="" exit /b 0
if "%IDENTITY%"=="" exit /b 0
>>"%WORK%\kustomization.yaml" echo - target: {kind: Deployment, name: %RUNNER%}
>>"%WORK%\kustomization.yaml" echo   patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: %RUNNER%}, spec: {template: {metadata: {annotations: {kafka-ml/image: "%IDENTITY%"}}}}}'
exit /b 0

:await
echo waiting for %1
%KUBECTL% --namespace %NAMESPACE% rollout status %1 --timeout=%TIMEOUT_SECONDS%s && exit /b 0
%KUBECTL% --namespace %NAMESPACE% get pods
%KUBECTL% --namespace %NAMESPACE% get events --field-selector type=Warning --sort-by=.lastTimestamp
echo failed: %1 does not become ready. The warnings above say why; mend the cause and run the same again: what stands is kept.
exit /b 1

:addresses
echo web UI: http://localhost:8080
echo   from this machine, by: %KUBECTL% --namespace %NAMESPACE% port-forward service/frontend 8080:80
exit /b 0

:help
echo Usage: Build_Kafka_ML.bat [ACTION] [OPTIONS]
echo.
echo Actions (without one: a menu)
echo   --install                 build all images and install Kafka-ML; run again, it updates what changed and keeps all data
echo   --rebuild COMPONENT       build one image and restart what runs it; again, or comma-separated, for more; `all`
echo   --status                  what is installed and how it is
echo   --login-link              print a new link that logs in once
echo   --uninstall               remove Kafka-ML from the cluster, with its data
echo   --help                    this text
echo.
echo Where
echo   --context NAME            context of kubectl's configuration (default: the current one)
echo   --kubeconfig FILE         configuration of kubectl (default: kubectl's own)
echo   --namespace NAME          namespace of the platform; models run in NAME-jobs (default: kafka-ml)
echo   --overlay NAME^|FOLDER     k8s/overlays/NAME, or a folder of yours with a kustomization (default: local)
echo   --with NAME               also k8s/components/NAME; again, or comma-separated, for more
echo.
echo Images
echo   --registry HOST:PORT      tag images HOST:PORT/kafka-ml/COMPONENT:TAG and push them; nodes pull them from there
echo   --local-build             no registry: images stay in this machine's engine, or are loaded into the nodes
echo   --load HOW                how they are loaded: kind[:CLUSTER], minikube[:PROFILE], k3d[:CLUSTER], none, or a command of
echo                             yours in which {image} stands for a name and {archive} for a file with the image
echo                             (default: what the context's name tells)
echo   --engine NAME             docker, podman or buildah (default: the first that works)
echo   --tag TAG                 tag of the images (default: 0.1.0; with --gpu 0.1.0-gpu)
echo   --gpu                     images with GPU libraries, and overlay gpu
echo   --no-build                install with images that were built and pushed (or loaded) before
echo.
echo How
echo   --keep-data               with --uninstall: keep volumes (database, models, topics) and keys
echo   --yes                     ask nothing
echo   --timeout SECONDS         how long the platform may take to become ready (default: 600)
echo   --dry-run                 print every command and write the manifests to a file; changes nothing, asks no cluster
echo.
echo Environment
echo   BUILD_OPTIONS             more options for the engine's build, e.g. "--network host -v /etc/ssl/ca.pem:/run/ca.pem:ro"
echo   PUSH_OPTIONS              more options for its push, e.g. "--tls-verify=false" (podman, buildah; a registry without TLS)
echo.
echo Examples
echo   Build_Kafka_ML.bat                                             the menu
echo   Build_Kafka_ML.bat --install --local-build                     kind, minikube, k3d, Docker Desktop, Rancher Desktop
echo   Build_Kafka_ML.bat --install --registry 192.168.1.10:5000      a cluster of several machines
echo   Build_Kafka_ML.bat --install --registry registry:5000 --gpu    with GPUs
echo   Build_Kafka_ML.bat --rebuild backend,frontend                  after an edit, to where --install had put them
echo   Build_Kafka_ML.bat --install --local-build --load 'sudo ctr -n k8s.io images import {archive}'
echo   Build_Kafka_ML.bat --uninstall --keep-data
set STATUS=0
goto :leave_with

:leave
set STATUS=%errorlevel%
:leave_with
popd
exit /b %STATUS%
