/** Tools above the editor: start from a template, load a file, save as a file. */

import { Button, FileButton, Group, Menu } from '@mantine/core'
import { IconDownload, IconFileImport, IconTemplate } from '@tabler/icons-react'
import { useState } from 'react'
import { SmallPrint } from '~/components/Dimmed'
import { FieldError } from '~/components/FieldError'
import { FrameworkTitle } from '~/components/FrameworkMark'
import { formatBytes } from '~/lib/format'
import { saveFile } from '~/lib/saveFile'
import { MAX_CODE, type ModelValues, nameOfFile } from './source'
import { TEMPLATES, type Template } from './templates'
import { frameworkOf } from './writing'

export type FromFile = Pick<ModelValues, 'code' | 'framework' | 'name'>

export function CodeTools({
  values,
  onTemplate,
  onFile,
}: {
  values: ModelValues
  onTemplate: (template: Template) => void
  onFile: (file: FromFile) => void
}) {
  const [refused, setRefused] = useState('')
  const take = async (file: File | null) => {
    if (file === null) return
    // A character takes at most four bytes.
    if (file.size > MAX_CODE * 4) {
      setRefused(
        `${file.name} is ${formatBytes(file.size)}: a model's code can have at most ${MAX_CODE / 1000},000 characters`,
      )
      return
    }
    const code = await file.text()
    if (code.length > MAX_CODE || code.includes('\0')) {
      setRefused(
        code.includes('\0')
          ? `${file.name} is not a text file: expected Python code`
          : `${file.name} is too long: a model's code can have at most ${MAX_CODE / 1000},000 characters`,
      )
      return
    }
    setRefused('')
    onFile({ code, framework: frameworkOf(code) ?? values.framework, name: nameOfFile(file.name) })
  }
  return (
    <Group gap={4} justify="flex-end">
      <FieldError error={refused} />
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button size="compact-xs" variant="subtle" leftSection={<IconTemplate size={14} aria-hidden />}>
            Template
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {TEMPLATES.map((template) => (
            <Menu.Item
              key={template.id}
              onClick={() => onTemplate(template)}
              rightSection={
                <SmallPrint>
                  <FrameworkTitle framework={template.framework} />
                </SmallPrint>
              }
            >
              {template.title}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <FileButton accept=".py,text/x-python,text/plain" onChange={(file) => void take(file)}>
        {(props) => (
          <Button {...props} size="compact-xs" variant="subtle" leftSection={<IconFileImport size={14} aria-hidden />}>
            Open file
          </Button>
        )}
      </FileButton>
      <Button
        size="compact-xs"
        variant="subtle"
        leftSection={<IconDownload size={14} aria-hidden />}
        disabled={values.code === ''}
        onClick={() => saveFile(`${values.name || 'model'}.py`, values.code, 'text/x-python')}
      >
        Save as file
      </Button>
    </Group>
  )
}
